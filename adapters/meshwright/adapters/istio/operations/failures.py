"""Why an operation on Istio can fail, in words that help.

    MW4007  a revision is not there
    MW4009  it is not known which of several installations is meant
    MW4013  a waypoint does not come up
    MW4015  a proxy cannot be asked about itself

Invariant: each code is made in one place, and says what to do.
"""

from meshwright.core import kit
from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef

_AGAIN_S = 5.0


def several(mesh: str, namespaces: list[str]) -> kit.Reject:
    """Meshwright has not installed it, and there is more than one."""
    return _reject(
        "MW4009",
        f"{mesh} was not installed by Meshwright, and there is Istio in {', '.join(namespaces)}",
        remedy="Remove it with what installed it, as `helm uninstall` or `istioctl uninstall`.",
    )


def no_waypoint(ref: ResourceRef, because: str) -> kit.Reject:
    """Its proxy is not there in time."""
    return _reject(
        "MW4013",
        f"the waypoint {ref} does not come up: {because}",
        cause="Traffic is not sent to a waypoint before istiod has programmed it; the namespace is as it was.",
        remedy="Look at the Gateway's conditions and at its Deployment of the same name, then retry.",
    )


def no_revision(revision: str, there: list[str]) -> kit.Reject:
    """No control plane has this name."""
    return _reject(
        "MW4007",
        f"there is no revision or tag {revision}",
        cause=f"There are: {', '.join(there) or 'none'}.",
        remedy="Name one of these, or install the revision first.",
    )


def unasked(place: str, because: str, remedy: str) -> kit.Reject:
    """What a proxy holds is not known."""
    return _reject("MW4015", f"the proxy of pod {place} cannot be asked what it holds: {because}", remedy=remedy)


def silent(place: str, because: str, remedy: str) -> kit.Retry:
    """The proxy that is asked does not answer now."""
    what = f"the proxy of pod {place} does not answer: {because}"
    return kit.Retry(_AGAIN_S, Failure(code="MW4015", what=what[:1500], remedy=remedy, retryable=True))


def _reject(
    code: str, what: str, *, cause: str = "", remedy: str = "", details: dict[str, object] | None = None
) -> kit.Reject:
    return kit.Reject(Failure(code=code, what=what[:1500], cause=cause, remedy=remedy, details=details or {}))
