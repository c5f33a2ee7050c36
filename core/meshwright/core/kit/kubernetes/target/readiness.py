"""Whether an object has become what its spec asks, in words.

Invariant: only what the object's own status says of its current generation counts. A kind that tells nothing is ready
when it is there; a status that will not mend by waiting is told as failed at once.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from meshwright.core.kit.kubernetes.objects import Body, at

_POSITIVE = ("Ready", "Available", "Accepted", "ResolvedRefs", "Programmed", "Established", "Reconciled")
"""conditions that are True when all is well"""


class Verdict(msgspec.Struct, frozen=True):
    """Whether it is ready; `because` says what is still missing, or what went wrong."""

    state: Literal["ready", "waiting", "failed"] = "ready"
    because: str = ""


READY = Verdict()


def verdict(body: Body) -> Verdict:
    """What an object says of itself."""
    if at(body, "metadata", "deletionTimestamp"):
        return Verdict("failed", "it is being deleted")
    group = str(body.get("apiVersion", "")).rpartition("/")[0]
    rule = _RULES.get((group, str(body.get("kind", ""))), _by_conditions)
    return rule(body)


def _number(body: Body, *path: str) -> int:
    value = at(body, *path)
    return value if isinstance(value, int) else 0


def _is_seen(body: Body) -> bool:
    return _number(body, "status", "observedGeneration") >= _number(body, "metadata", "generation")


def _condition(body: Body, name: str) -> dict[str, Any]:
    for each in at(body, "status", "conditions") or []:
        if isinstance(each, dict) and each.get("type") == name:
            return each
    return {}


def _deployment(body: Body) -> Verdict:
    progressing = _condition(body, "Progressing")
    if _is_seen(body) and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Verdict("failed", str(progressing.get("message", "")) or "its rollout does not get on")
    failing = _condition(body, "ReplicaFailure")
    wanted = body.get("spec", {}).get("replicas", 1)
    verdict = _replicas(body, wanted, "updatedReplicas", "availableReplicas")
    if verdict.state == "waiting" and failing.get("status") == "True":
        return Verdict("waiting", f"{verdict.because}; {failing.get('message', '')}")
    if verdict.state == "ready" and _number(body, "status", "replicas") > wanted:
        return Verdict("waiting", f"{_number(body, 'status', 'replicas') - wanted} old replicas are still there")
    return verdict


def _stateful_set(body: Body) -> Verdict:
    if at(body, "spec", "updateStrategy", "type") == "OnDelete":
        return _replicas(body, body.get("spec", {}).get("replicas", 1), "readyReplicas")
    return _replicas(body, body.get("spec", {}).get("replicas", 1), "updatedReplicas", "readyReplicas")


def _daemon_set(body: Body) -> Verdict:
    return _replicas(
        body, _number(body, "status", "desiredNumberScheduled"), "updatedNumberScheduled", "numberAvailable"
    )


def _replicas(body: Body, wanted: int, *counts: str) -> Verdict:
    if not _is_seen(body):
        return Verdict("waiting", "its controller has not seen it yet")
    for count in counts:
        there = _number(body, "status", count)
        if there < wanted:
            return Verdict("waiting", f"{there} of {wanted} replicas are {_WORDS[count]}")
    return READY


_WORDS = {
    "updatedReplicas": "updated",
    "availableReplicas": "available",
    "readyReplicas": "ready",
    "updatedNumberScheduled": "updated",
    "numberAvailable": "available",
}


def _job(body: Body) -> Verdict:
    failed = _condition(body, "Failed")
    if failed.get("status") == "True":
        return Verdict("failed", str(failed.get("message") or failed.get("reason") or "it failed"))
    if _condition(body, "Complete").get("status") == "True":
        return READY
    return Verdict("waiting", "it is running")


def _definition(body: Body) -> Verdict:
    named = _condition(body, "NamesAccepted")
    if named.get("status") == "False":
        return Verdict("failed", str(named.get("message", "")) or "its names are taken")
    if _condition(body, "Established").get("status") != "True":
        return Verdict("waiting", "it is not established yet")
    return READY


def _namespace(body: Body) -> Verdict:
    phase = at(body, "status", "phase")
    return READY if phase == "Active" else Verdict("waiting", f"it is {phase or 'new'}")


def _route(body: Body) -> Verdict:
    """A route of the Gateway API: every parent that has an opinion must accept it."""
    for parent in at(body, "status", "parents") or []:
        verdict = _judged(parent.get("conditions") or [], _number(body, "metadata", "generation"))
        if verdict.state != "ready":
            return verdict
    return READY


def _by_conditions(body: Body) -> Verdict:
    return _judged(at(body, "status", "conditions") or [], _number(body, "metadata", "generation"))


def _judged(conditions: list[Any], generation: int) -> Verdict:
    for each in conditions:
        if not isinstance(each, dict) or each.get("type") not in _POSITIVE:
            continue
        if int(each.get("observedGeneration") or generation) < generation:
            return Verdict("waiting", f"{each['type']} is not told of this version yet")
        if each.get("status") != "True":
            because = each.get("message") or each.get("reason") or each.get("status")
            return Verdict("waiting", f"{each['type']}: {because}")
    return READY


_RULES: dict[tuple[str, str], Callable[[Body], Verdict]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("", "Namespace"): _namespace,
    **{
        ("gateway.networking.k8s.io", kind): _route
        for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
    },
}
