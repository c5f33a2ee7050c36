"""The proxies of a mesh: what istiod says of those that are connected, and the pods whose proxy is not.

Invariant: a proxy is there as long as its pod is, or an istiod knows it; one that no istiod knows while all of them
were asked is disconnected. Where one could not be asked, nobody is called gone on its account.
"""

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from meshwright.adapters.istio.charts.profiles import DEFAULT_REVISION
from meshwright.adapters.istio.proxies import pods, replicas, syncz
from meshwright.adapters.istio.proxies.pods import ProxyPod
from meshwright.adapters.istio.proxies.replicas import Replica
from meshwright.adapters.istio.proxies.syncz import ProxySync
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import members
from meshwright.core.kit.kubernetes.listing import listed
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import Proxy, Workload, proxy_id, workload_id

Place: TypeAlias = tuple[str, str]
"""a namespace, and the name of a pod in it"""
_MOST_LOOKUPS = 50
"""pods of connected proxies that have no mark of the injector's are read one by one, so many at most"""


class Reading(Model, frozen=True, kw_only=True):
    """All that is known of the proxies of one mesh."""

    proxies: list[Proxy] = []
    workloads: list[Workload] = []
    replicas: list[Replica] = []
    bare: list[str] = []
    """pods that were to have a sidecar and have none, by `namespace/name`"""

    @property
    def unasked(self) -> list[Replica]:
        """The replicas that could not be asked."""
        return [each for each in self.replicas if each.problem]

    @property
    def complete(self) -> bool:
        """Whether every proxy is known."""
        return not self.unasked


async def read(
    cluster: k8s.Cluster,
    mesh: kit.MeshRef,
    namespace: str,
    revisions: Collection[str],
    *,
    enrolled: Sequence[str],
    captured: Sequence[str],
    ztunnel: bool,
) -> Reading:
    """The proxies of all control planes of a mesh, and which pods of the `enrolled` namespaces have none.

    The pods of the `captured` namespaces take part without a sidecar, by the `ztunnel` of their node.

    Raises KubernetesError.
    """
    answers = await replicas.ask(cluster, namespace, revisions)
    bodies = await listed(cluster, "", "Pod", labels=pods.INJECTED)
    agents = await listed(cluster, "", "Pod", labels="app=ztunnel") if ztunnel else []
    connected = replicas.merged(answers)
    known = {(each.namespace, each.name): each for each in pods.proxy_pods([*bodies, *agents])}
    for place in [each for each in connected if each not in known][:_MOST_LOOKUPS]:
        body = await cluster.find(ResourceRef(kind="Pod", namespace=place[0], name=place[1]))
        if body:
            bodies.append(body)
            known[place] = pods.proxy_pod(body)
    bare: list[str] = []
    for name in enrolled:
        bare += pods.without_proxy(await listed(cluster, "", "Pod", name, labels=f"!{pods.SIDECAR}"))
    meshed = [each for each in bodies if pods.has_proxy(each) and pods.proxy_pod(each).mode != "ztunnel"]
    for name in captured:
        meshed += await listed(cluster, "", "Pod", name, labels=f"!{pods.SIDECAR}")
    there = members(mesh, meshed, await listed(cluster, "", "Service"))
    return Reading(proxies=proxies(mesh.mesh, revisions, answers, known), workloads=there, replicas=answers, bare=bare)


def proxies(
    mesh: str, revisions: Collection[str], answers: Sequence[Replica], known: Mapping[Place, ProxyPod]
) -> list[Proxy]:
    """The connected ones, and where all replicas were asked those of pods of these revisions that are not connected."""
    now = datetime.datetime.now(datetime.UTC)
    connected = replicas.merged(answers)
    there = [_connected(mesh, *each, known.get(place), now) for place, each in connected.items()]
    if not any(each.problem for each in answers):
        there += [
            _disconnected(mesh, pod, now)
            for place, pod in known.items()
            if place not in connected and pod.running and (pod.revision or DEFAULT_REVISION) in revisions
        ]
    return sorted(there, key=lambda each: (each.namespace, each.name))


def _connected(mesh: str, sync: ProxySync, replica: Replica, pod: ProxyPod | None, now: datetime.datetime) -> Proxy:
    types = syncz.types(sync)
    total = syncz.summed_up(types)
    return Proxy(
        id=proxy_id(mesh, sync.namespace, sync.name),
        mesh=mesh,
        namespace=sync.namespace,
        name=sync.name,
        workload=_workload(mesh, pod),
        mode=sync.mode,
        revision=replica.revision,
        control_plane=replica.name,
        version=sync.istio_version or (pod.version if pod else ""),
        state=total.state,
        sent=total.sent,
        acked=total.acked,
        error=total.error,
        sync=types,
        observed_at=now,
    )


def _disconnected(mesh: str, pod: ProxyPod, now: datetime.datetime) -> Proxy:
    return Proxy(
        id=proxy_id(mesh, pod.namespace, pod.name),
        mesh=mesh,
        namespace=pod.namespace,
        name=pod.name,
        workload=_workload(mesh, pod),
        mode=pod.mode,
        revision=pod.revision or DEFAULT_REVISION,
        version=pod.version,
        state="disconnected",
        observed_at=now,
    )


def _workload(mesh: str, pod: ProxyPod | None) -> str | None:
    if pod is None or pod.controller is None:
        return None
    return workload_id(mesh, pod.namespace, pod.controller, pod.workload)
