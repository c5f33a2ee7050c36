"""The proxies of a mesh, by the pods in which they run.

Problem: Consul tells no proxy's acknowledgements. Invariant: a proxy counts as synced when its container is ready,
which it becomes with a configuration from a server, and when it is of its control plane's release; nothing more is
claimed.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from meshwright.adapters.consul.cluster import words
from meshwright.adapters.consul.cluster.detecting import condition
from meshwright.adapters.consul.cluster.planes import Plane
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts.pods import container_of, controller_of, ended
from meshwright.schemas.meshes import Condition
from meshwright.schemas.workloads import Proxy, SyncState, proxy_id, workload_id

Body = dict[str, Any]
_SHOWN = 10


def has_proxy(pod: Body) -> bool:
    """Whether a pod has a proxy of Consul."""
    return is_sidecar(pod) or _is_gateway(pod)


def is_sidecar(pod: Body) -> bool:
    """Whether a pod has a proxy beside its own containers; it may be named after the service, where it has several."""
    return container_of(pod, words.PROXY) is not None or words.INJECTED in k8s.labels_of(pod)


def proxies(mesh: str, pods: Iterable[Body], plane: Plane) -> list[Proxy]:
    """The proxies of pods."""
    now = datetime.datetime.now(datetime.UTC)
    there = [_proxy(mesh, each, plane, now) for each in pods if has_proxy(each) and not ended(each)]
    return sorted(there, key=lambda each: (each.namespace, each.name))


def bare(pods: Iterable[Body], reached: dict[str, dict[str, str]], plane: Plane) -> list[str]:
    """`namespace/name` of pods that were to have a proxy and have none; `reached` are namespaces by their labels."""
    return sorted(
        f"{k8s.namespace_of(each)}/{k8s.name_of(each)}"
        for each in pods
        if not has_proxy(each)
        and not ended(each)
        and not k8s.at(each, "spec", "hostNetwork")
        and k8s.namespace_of(each) != plane.namespace
        and plane.injecting.reaches(k8s.namespace_of(each), reached.get(k8s.namespace_of(each), {}))
        and plane.injecting.takes(k8s.annotations_of(each))
    )


def conditions(mesh: str, there: Sequence[Proxy], without: Sequence[str], plane: Plane) -> list[Condition]:
    """What is to be said of the data plane."""
    restart = f"restart them (meshwright workloads enrol --mesh {mesh} --namespace NAMESPACE --restart)"
    away = [f"{each.namespace}/{each.name}" for each in there if each.state == "disconnected"]
    other = [f"{each.namespace}/{each.name} {each.version}" for each in there if each.state == "stale"]
    return [
        _told("ProxiesReady", away, "are not ready", f"look at the log of their container {words.PROXY}", len(there)),
        _told("PodsInjected", list(without), "ask for a proxy and have none", restart, len(there)),
        _told("ProxiesCurrent", other, f"are not of {plane.release}", restart, len(there)),
    ]


def _told(kind: str, concerned: list[str], what: str, hint: str, total: int) -> Condition:
    wrong = f"{len(concerned)} {what}: {', '.join(concerned[:_SHOWN])}; {hint}" if concerned else ""
    return condition(kind, wrong, kind.replace("Proxies", "Not").replace("Pods", "Not"), f"{total} proxies")


def _proxy(mesh: str, pod: Body, plane: Plane, now: datetime.datetime) -> Proxy:
    namespace, name = k8s.namespace_of(pod), k8s.name_of(pod)
    release = k8s.annotations_of(pod).get(words.RELEASE, "").removeprefix("v")
    kind, workload = controller_of(pod)
    state, error = _state(pod, release, plane)
    return Proxy(
        id=proxy_id(mesh, namespace, name),
        mesh=mesh,
        namespace=namespace,
        name=name,
        workload=workload_id(mesh, namespace, kind, workload) if kind else None,
        mode="gateway" if _is_gateway(pod) else "sidecar",
        version=release,
        state=state,
        error=error,
        observed_at=now,
    )


def _state(pod: Body, release: str, plane: Plane) -> tuple[SyncState, str]:
    statuses = [
        *(k8s.at(pod, "status", "containerStatuses") or []), *(k8s.at(pod, "status", "initContainerStatuses") or [])
    ]  # fmt: skip
    mine = [each for each in statuses if str(each.get("name", "")).startswith(words.PROXY)] or statuses
    if not mine or not all(each.get("ready") for each in mine):
        return "disconnected", ""
    if release and plane.release and release != plane.release:
        return "stale", f"it is of consul-k8s {release}, the control plane of {plane.release}"
    return "synced", ""


def _is_gateway(pod: Body) -> bool:
    return k8s.labels_of(pod).get(words.COMPONENT) in words.GATEWAYS
