"""What is looked at of a Kuma: each a condition with what is wrong and what to do.

Invariant: pure functions of objects; what cannot be seen from outside is not claimed.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from meshwright.adapters.kuma import insights, words
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.webhooks import last_end
from meshwright.schemas.meshes import Condition
from meshwright.schemas.workloads import Proxy

Body = dict[str, Any]
_SOON = datetime.timedelta(days=30)
_SHOWN = 10
_CONFIGS = {
    "MutatingWebhookConfiguration": "kuma-admission-mutating-webhook-configuration",
    "ValidatingWebhookConfiguration": "kuma-validating-webhook-configuration",
}
KINDS = tuple(
    (words.GROUP, kind)
    for kind in (
        *("Mesh", "Dataplane", "DataplaneInsight", "MeshService", "MeshHTTPRoute", "MeshRetry", "MeshTimeout"),
        *("MeshCircuitBreaker", "MeshLoadBalancingStrategy", "MeshFaultInjection", "MeshRateLimit", "MeshTLS"),
        *("MeshTrafficPermission", "MeshAccessLog", "MeshPassthrough", "MeshIdentity"),
    )
)
"""what every Kuma that is served here defines"""


def condition(kind: str, bad: str = "", good: str = "", *, reason: str = "", remedy: str = "") -> Condition:
    """One condition: bad where something is told."""
    if not bad:
        return Condition(type=kind, status="True", reason="AsExpected", message=good)
    message = f"{bad}: {remedy}" if remedy else bad
    return Condition(type=kind, status="False", reason=reason or "NotAsExpected", message=message[:2000])


def control_plane(deployment: Body) -> Condition:
    """Whether the control plane runs."""
    wanted = k8s.at(deployment, "spec", "replicas")
    wanted = wanted if isinstance(wanted, int) else 1
    ready = int(k8s.at(deployment, "status", "availableReplicas") or 0)
    told = f"{ready} of {wanted} replicas are available"
    place = k8s.namespace_of(deployment)
    remedy = f"look at kubectl -n {place} get events,pods"
    bad = "" if wanted and ready >= wanted else told
    return condition("ControlPlaneReady", bad, told, reason="Unavailable", remedy=remedy)


def definitions(served: Iterable[tuple[str, str]]) -> Condition:
    """Whether the definitions of Kuma's own kinds are there."""
    there = set(served)
    missing = [kind for group, kind in KINDS if (group, kind) not in there]
    remedy = "install or upgrade the chart kuma with its definitions (installCrdsOnUpgrade.enabled)"
    bad = f"missing: {', '.join(missing)}" if missing else ""
    return condition("DefinitionsInstalled", bad, f"all {len(KINDS)} are there", reason="Missing", remedy=remedy)


def webhooks(bodies: Sequence[Body], namespace: str, now: datetime.datetime) -> Condition:
    """Whether the API server can ask the control plane's webhooks."""
    wrong = [told for kind, name in _CONFIGS.items() if (told := _webhook(bodies, kind, name, namespace, now))]
    remedy = "install or upgrade the chart kuma, which makes its certificates anew"
    return condition("WebhooksConfigured", "; ".join(wrong), "both are there", reason="Wrong", remedy=remedy)


def _webhook(bodies: Sequence[Body], kind: str, name: str, namespace: str, now: datetime.datetime) -> str:
    mine = [each for each in bodies if each.get("kind") == kind and k8s.name_of(each) == name]
    hooks = [hook for each in mine for hook in each.get("webhooks") or []]
    if not hooks:
        return f"{name} is missing"
    called = {str(k8s.at(hook, "clientConfig", "service", "namespace")) for hook in hooks} - {namespace}
    if called:
        return f"{name} asks in {', '.join(sorted(called))}"
    ends = [last_end(str(k8s.at(hook, "clientConfig", "caBundle") or "")) for hook in hooks]
    known = [each for each in ends if each is not None]
    if len(known) < len(ends):
        return f"{name} has no certificate authority that can be read"
    return f"the certificate authority of {name} ends on {min(known):%Y-%m-%d}" if min(known) <= now + _SOON else ""


def cni(daemon_sets: Sequence[Body], *, enabled: bool) -> Condition | None:
    """Whether the CNI plugin is on all nodes, where the injector relies on it; None: nobody needs it."""
    if not daemon_sets and not enabled:
        return None
    remedy = "look at the pods of kuma-cni-node, or upgrade the chart with cni.enabled"
    if not daemon_sets:
        return condition(
            "CniReady", "the injector relies on the CNI plugin, and it is missing", reason="Missing", remedy=remedy
        )
    status = daemon_sets[0].get("status") or {}
    wanted, ready = int(status.get("desiredNumberScheduled") or 0), int(status.get("numberReady") or 0)
    told = f"it is ready on {ready} of {wanted} nodes"
    bad = told if ready < wanted or not wanted else ""
    return condition("CniReady", bad, told, reason="NotReady", remedy=remedy)


def meshes(names: Sequence[str]) -> Condition:
    """Whether there is a Mesh that proxies can join."""
    remedy = "make one (kind: Mesh), or install without controlPlane.defaults.skipMeshCreation"
    bad = "" if names else "there is no Mesh, so no proxy can join one"
    return condition("MeshesDefined", bad, ", ".join(sorted(names)), reason="None", remedy=remedy)


def zones(found: Sequence[tuple[str, Body]]) -> Condition | None:
    """Whether the zones of a global control plane are connected; None: there are none."""
    if not found:
        return None
    away = sorted(name for name, insight in found if not insights.is_online(insight))
    bad = f"not connected: {', '.join(away[:_SHOWN])}" if away else ""
    remedy = "see whether their control planes run and reach port 5685 of this one"
    return condition("ZonesOnline", bad, f"{len(found)} zones", reason="Offline", remedy=remedy)


def proxies(there: Sequence[Proxy], without: Sequence[str], release: str) -> list[Condition]:
    """Whether the proxies are connected, have taken what they were sent, and are of the control plane's release."""
    away = [each for each in there if each.state == "disconnected"]
    wrong = [each for each in there if each.state in ("rejected", "stale")]
    other = [each for each in there if each.version and release and each.version != release]
    restart = "restart their workloads (meshwright workloads enrol --restart)"
    return [
        _told("ProxiesConnected", _names(away), len(there), "are not connected", "see the log of kuma-sidecar"),
        _told("ProxiesSynced", _names(wrong), len(there), "have not taken what they were sent",
              "see the log of kuma-sidecar for what they refuse"),
        _told("ProxiesSameRelease", [f"{name} {each.version}" for name, each in zip(_names(other), other, strict=True)],
              len(there), f"are not of {release}", restart),
        _told("PodsHaveProxies", list(without), len(there), "of enrolled namespaces have no proxy", restart),
    ]  # fmt: skip


def _told(kind: str, concerned: Sequence[str], count: int, what: str, remedy: str) -> Condition:
    bad = f"{len(concerned)} {what} ({', '.join(concerned[:_SHOWN])})" if concerned else ""
    return condition(kind, bad, f"{count} proxies", reason="Some", remedy=remedy)


def _names(proxies: Sequence[Proxy]) -> list[str]:
    return [f"{each.namespace}/{each.name}" if each.namespace else each.name for each in proxies]
