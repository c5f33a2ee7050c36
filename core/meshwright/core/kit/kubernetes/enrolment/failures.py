"""Why something cannot take part in a mesh, in words that help.

    MW4006  what is asked for cannot be enrolled or withdrawn like this
    MW4011  a workload does not come up after its restart

Invariant: each has one code for all meshes of Kubernetes, and says what to do.
"""

from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.errors import Failure, FieldError
from meshwright.schemas.references import ResourceRef


def cannot_enrol(problems: list[FieldError]) -> Reject:
    """A namespace or workload that cannot take part like this."""
    return Reject(
        Failure(
            code="MW4006",
            what="; ".join(f"{each.pointer}: {each.detail}" for each in problems)[:1500],
            cause="Nothing was changed.",
            remedy="Correct what is named, or enrol something else.",
            details={"errors": [{"pointer": each.pointer, "detail": each.detail} for each in problems]},
        )
    )


def stuck(ref: ResourceRef, because: str) -> Reject:
    """A rollout does not get on."""
    return Reject(
        Failure(
            code="MW4011",
            what=f"{ref} does not come up after its restart: {because}",
            cause="Its new pods do not start or do not get ready, with or without a sidecar.",
            remedy="Look at its pods and events; what was restarted before it is started anew as it was.",
            retryable=True,
        )
    )
