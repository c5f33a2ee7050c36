"""Why an entry is not written, in words for people.

    MW5303  somebody else has changed it since it was planned
    MW5304  somebody changes it again and again

Invariant: nothing of somebody else's is overwritten, and whoever reads this knows what to do.
"""

from meshwright.core.operations.outcomes import Reject, Retry
from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef

_AGAIN_S = 5.0


def changed(ref: ResourceRef) -> Reject:
    """The plan is not true any more."""
    return Reject(
        Failure(
            code="MW5303",
            what=f"{ref} was changed by somebody else after this was planned",
            cause="Whoever wrote it meanwhile would have lost their change; nothing of theirs was overwritten.",
            remedy="Apply the design again: it is planned anew, and the preview shows what is there now.",
        )
    )


def busy(ref: ResourceRef) -> Retry:
    """Each time that it is read and written, somebody else has been quicker."""
    what = f"{ref} changes again and again while it is written"
    return Retry(_AGAIN_S, Failure(code="MW5304", what=what, remedy="Find out who else writes it.", retryable=True))
