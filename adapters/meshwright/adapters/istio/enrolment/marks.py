"""Which labels make a namespace or the pods of a workload take part, and which take them out again.

Problem: Istio has three labels on namespaces and three on pods that overrule each other, and some pairs of them mean
trouble. Invariant: these are pure functions from what is there to the labels that change; never two labels that inject,
never a label of sidecars beside one of ambient.
"""

from collections.abc import Mapping

from meshwright.schemas.base import Model

INJECTION = "istio-injection"
REVISION = "istio.io/rev"
AMBIENT = "istio.io/dataplane-mode"
WAYPOINT = "istio.io/use-waypoint"
WAYPOINT_NAMESPACE = "istio.io/use-waypoint-namespace"
TAG = "istio.io/tag"
INJECT = "sidecar.istio.io/inject"
NAMESPACE_MARKS = (INJECTION, REVISION, AMBIENT, WAYPOINT, WAYPOINT_NAMESPACE)
POD_MARKS = (INJECT, REVISION, AMBIENT)
Labels = Mapping[str, str]
Change = dict[str, str | None]
"""labels to set; None: to take away"""


class Part(Model, frozen=True, kw_only=True):
    """How something takes part. `revision` is empty for what `istio-injection` leads to."""

    ambient: bool = False
    revision: str = ""
    waypoint: str = ""


def joining_namespace(labels: Labels, part: Part) -> Change:
    """What changes on a namespace so that it takes part."""
    wanted: dict[str, str] = {}
    if part.ambient:
        wanted[AMBIENT] = "ambient"
        wanted |= {WAYPOINT: part.waypoint} if part.waypoint else {}
        if not part.waypoint and WAYPOINT in labels:  # one that is there stays in use
            wanted |= {key: labels[key] for key in (WAYPOINT, WAYPOINT_NAMESPACE) if key in labels}
    elif part.revision:
        wanted[REVISION] = part.revision
    else:
        wanted[INJECTION] = "enabled"
    return _change(labels, wanted, NAMESPACE_MARKS)


def leaving_namespace(labels: Labels) -> Change:
    """What changes on a namespace so that it takes no part."""
    kept = {INJECTION: labels[INJECTION]} if labels.get(INJECTION) == "disabled" else {}
    return _change(labels, kept, NAMESPACE_MARKS)


def joining_pods(pods: Labels, part: Part, namespace: Labels) -> Change:
    """What changes on the pods of a workload so that they take part; nothing where their namespace does it."""
    if takes_part(namespace) == part:
        return _change(pods, {}, POD_MARKS)
    if part.ambient:
        return _change(pods, {AMBIENT: "ambient", **_no_sidecar(namespace)}, POD_MARKS)
    revision = {REVISION: part.revision} if part.revision else {}
    out_of_ambient = {AMBIENT: "none"} if namespace.get(AMBIENT) == "ambient" else {}
    return _change(pods, {INJECT: "true", **revision, **out_of_ambient}, POD_MARKS)


def leaving_pods(pods: Labels, namespace: Labels) -> Change:
    """What changes on the pods of a workload so that they take no part, whatever their namespace does."""
    out = {AMBIENT: "none"} if namespace.get(AMBIENT) == "ambient" else {}
    return _change(pods, {**_no_sidecar(namespace), **out}, POD_MARKS)


def takes_part(labels: Labels) -> Part | None:
    """How the pods of a namespace take part by its labels; None: not. Waypoints do not count."""
    if labels.get(AMBIENT) == "ambient":
        return Part(ambient=True)
    if INJECTION in labels:  # where both are, this one counts
        return Part() if labels[INJECTION] == "enabled" else None
    return Part(revision=labels[REVISION]) if labels.get(REVISION) else None


def waypoint_of(labels: Labels, namespace: str) -> str | None:
    """`namespace/name` of the waypoint that something there uses by its labels; empty: none; None: they do not say."""
    name = labels.get(WAYPOINT)
    if name is None:
        return None
    return "" if name in ("", "none") else f"{labels.get(WAYPOINT_NAMESPACE, namespace)}/{name}"


def pods_take_part(pods: Labels, namespace: Labels) -> bool:
    """Whether new pods of a workload get a sidecar or are captured."""
    if pods.get(AMBIENT) == "ambient":
        return True
    if pods.get(INJECT) == "true":
        return namespace.get(INJECTION) != "disabled"
    part = takes_part(namespace)
    if part is None:
        return False
    return pods.get(AMBIENT) != "none" if part.ambient else pods.get(INJECT) != "false"


def _no_sidecar(namespace: Labels) -> dict[str, str]:
    part = takes_part(namespace)
    return {INJECT: "false"} if part and not part.ambient else {}


def _change(there: Labels, wanted: Labels, marks: tuple[str, ...]) -> Change:
    change: Change = {key: None for key in marks if key in there and key not in wanted}
    return change | {key: value for key, value in wanted.items() if there.get(key) != value}
