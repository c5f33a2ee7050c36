"""The proxies that run in pods, as what is asked for their statistics.

Invariant: a proxy that has restarted is another process; its workload is what a person has made (the Deployment, not
its ReplicaSet). The API server passes the questions on, which takes the right to `pods/proxy`.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing

import msgspec

from meshwright.core.kit.kubernetes import forwarding
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.traffic.meanings import Place
from meshwright.core.kit.traffic.proxies import ANSWER_S, Proxy

_HASH = "pod-template-hash"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the proxies in containers of a name tell their statistics."""

    container: str
    port: int
    path: str
    query: Mapping[str, str] = {}


class _Owner(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class _Meta(msgspec.Struct, frozen=True, rename={"owners": "ownerReferences"}):
    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    owners: list[_Owner] = []


class _Container(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    restart_count: int = 0


class _Containers(msgspec.Struct, frozen=True, rename="camel"):
    containers: list[_Container] = []
    init_containers: list[_Container] = []


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    container_statuses: list[_Container] = []
    init_container_statuses: list[_Container] = []


class _Pod(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: _Containers = _Containers()
    status: _Status = _Status()

    @property
    def workload(self) -> str:
        """The name of what the pod belongs to."""
        meta = self.metadata
        owner = meta.owners[0] if meta.owners else _Owner("Pod", meta.name)
        template = meta.labels.get(_HASH, "")
        return owner.name.removesuffix(f"-{template}") if owner.kind == "ReplicaSet" and template else owner.name

    def has(self, container: str) -> bool:
        """Whether a container of this name runs in it; a sidecar may be one that is started first."""
        return any(each.name == container for each in (*self.spec.containers, *self.spec.init_containers))

    def process(self, container: str) -> str:
        """What changes when the container restarts."""
        statuses = (*self.status.container_statuses, *self.status.init_container_statuses)
        restarts = next((each.restart_count for each in statuses if each.name == container), 0)
        return f"{self.metadata.uid}/{container}/{restarts}"


async def proxies(cluster: Cluster, labels: str, endpoints: Sequence[Endpoint]) -> list[Proxy]:
    """The proxies in the running pods with these labels. Raises KubernetesError."""
    result = []
    async with aclosing(cluster.list("", "Pod", labels=labels, fields="status.phase=Running")) as items:
        async for item in items:
            pod = item.decode(_Pod)
            endpoint = next((each for each in endpoints if pod.has(each.container)), None)
            if endpoint:
                result.append(_proxy(cluster, pod, endpoint))
    return result


def _proxy(cluster: Cluster, pod: _Pod, endpoint: Endpoint) -> Proxy:
    place = forwarding.pod(cluster, pod.metadata.namespace, pod.metadata.name, endpoint.port)

    async def read() -> bytes:
        return await place.get(endpoint.path, endpoint.query, timeout=ANSWER_S)

    whose = Place(namespace=pod.metadata.namespace, workload=pod.workload)
    return Proxy(pod.process(endpoint.container), whose, read)
