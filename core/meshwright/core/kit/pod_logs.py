"""Reading the logs of pods through the API server, for adapters of Kubernetes meshes.

Invariant: an answer is bounded by lines, bytes and pods; what a pod cannot tell is said in its place, so that one that
is starting does not hide the others. It takes the right to get `pods/log`.
"""

import asyncio
from contextlib import aclosing

import msgspec

from meshwright.core.kit.kubernetes import BadRequest, Cluster, NotFound
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.errors import Failure
from meshwright.schemas.workloads import LONGEST_LOG, MOST_LOG_LINES, LogPart, LogRequest

_MOST_PODS = 10
_AT_ONCE = 4
_ANSWER_S = 10.0
_HASH = "pod-template-hash"
RULE = AccessRule(groups=[""], resources=["pods/log"], verbs=["get"], because="to show logs of proxies and workloads")


class _Named(msgspec.Struct, frozen=True):
    name: str = ""
    kind: str = ""


class _Meta(msgspec.Struct, frozen=True, rename={"owners": "ownerReferences"}):
    name: str
    labels: dict[str, str] = {}
    owners: list[_Named] = []


class _Spec(msgspec.Struct, frozen=True, rename={"init_containers": "initContainers"}):
    containers: list[_Named] = []
    init_containers: list[_Named] = []


class _Pod(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: _Spec = _Spec()

    @property
    def owner(self) -> str:
        """The name of the Deployment, StatefulSet or DaemonSet to which the pod belongs."""
        meta = self.metadata
        name = meta.owners[0].name if meta.owners else meta.name
        template = meta.labels.get(_HASH, "")
        return name.removesuffix(f"-{template}") if template else name

    def containers(self, wanted: str, proxies: frozenset[str], *, proxy: bool) -> list[str]:
        """The containers whose logs are meant."""
        names = [each.name for each in self.spec.containers]
        sidecars = [each.name for each in self.spec.init_containers if each.name in proxies]
        if wanted:
            return [wanted] if wanted in [*names, *(each.name for each in self.spec.init_containers)] else []
        if proxy:
            return [name for name in [*names, *sidecars] if name in proxies] or names[:1]
        return [name for name in names if name not in proxies]


async def read(cluster: Cluster, request: LogRequest, proxies: frozenset[str]) -> list[LogPart]:
    """The newest lines of a proxy's or a workload's containers; `proxies` are the names of the proxies' containers.

    Raises Reject when there is no such pod or container, KubernetesError.
    """
    pods: list[_Pod] = []
    async with aclosing(cluster.list("", "Pod", request.namespace)) as items:
        async for item in items:
            pod = item.decode(_Pod)
            name = pod.metadata.name if request.of == "proxy" else pod.owner
            if name == request.name and len(pods) < _MOST_PODS:
                pods.append(pod)
    is_proxy = request.of == "proxy"
    wanted = [(pod, each) for pod in pods for each in pod.containers(request.container, proxies, proxy=is_proxy)]
    if not wanted:
        raise _nothing(request, pods)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def part(pod: _Pod, container: str) -> LogPart:
        async with limit:
            text = await _text(cluster, request, pod.metadata.name, container, LONGEST_LOG // len(wanted))
        return LogPart(name=f"{pod.metadata.name}/{container}", text=text)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part(pod, container)) for pod, container in wanted]
    return [task.result() for task in tasks]


async def _text(cluster: Cluster, request: LogRequest, pod: str, container: str, most: int) -> str:
    path = f"/api/v1/namespaces/{request.namespace}/pods/{pod}/log"
    lines = str(min(request.lines, MOST_LOG_LINES))
    # `limitBytes` counts from the oldest of these lines: it only keeps the answer from being endless
    query = {"container": container, "tailLines": lines, "limitBytes": str(8 * LONGEST_LOG)}
    try:
        body = await cluster.request("GET", path, query=query, accept="*/*", timeout=_ANSWER_S)
    except (BadRequest, NotFound) as error:
        return f"(no log: {error})"
    return body.decode(errors="replace")[-most:]


def _nothing(request: LogRequest, pods: list[_Pod]) -> Reject:
    if pods and request.container:
        names = dict.fromkeys(each.name for pod in pods for each in (*pod.spec.containers, *pod.spec.init_containers))
        what = f"{request.name} has no container {request.container}"
        return Reject(Failure(code="MW1027", what=what, remedy=f"There are: {', '.join(names)}."))
    what = f"there is no running pod of {request.of} {request.namespace}/{request.name}"
    return Reject(Failure(code="MW1027", what=what, remedy="It may have ended since it was last seen."))
