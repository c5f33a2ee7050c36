"""Apply of a split until the first request that follows it, through a real istiod and a real Envoy.

Three services in turn: Meshwright applies a design for two of them, from the publication of its command, and waits for
the proxies of the one and not of the other (`proxies_seconds` 0); for the third the objects that the design became,
renamed, are sent to the API server as `kubectl apply --server-side` would send them. Each split sends all requests to
the version that the former one left out, and requests are made one after another until that version answers. Istiod
waits 100 ms for further changes before it tells proxies, which is in all of them.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.target import bodies
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Backend, TrafficSplit
from meshwright.schemas.operations import ApplyDesign
from meshwright.schemas.references import ResourceRef
from rig.kubernetes import worker
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod
from testbed.objects import Object, Objects
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

TIMES = 50
NAMESPACE = "meshwright-bench"
OURS, UNWAITED, RAW = "reviews", "ratings", "details"
WORKERS = ("waiting", "not-waiting")
_GROUP = "networking.istio.io"
_WARM_UP = 3


def design(service: str, version: str) -> ApplyDesign:
    """Everything to one version."""
    weights = {each: 100 if each == version else 0 for each in ("v1", "v2")}
    backends = [Backend(version=each, weight=weight) for each, weight in weights.items()]
    return ApplyDesign(design=Design(id=f"split-{service}", intents=[TrafficSplit(service=service, backends=backends)]))


async def became(cluster: k8s.Cluster) -> str:
    """The objects that the design became, for the other service."""
    items = []
    for kind in ("DestinationRule", "VirtualService"):
        ref = ResourceRef(group=_GROUP, kind=kind, namespace=NAMESPACE, name=OURS)
        body = bodies.sent(await cluster.get(ref))
        items.append({**body, "metadata": {"name": RAW, "namespace": NAMESPACE}})
    return json.dumps(items).replace(OURS, RAW)


async def followed(world: SidecarWorld, service: str, version: str) -> float:
    """When the first request got there."""
    while (await world.request(service)).version != version:
        pass
    return time.perf_counter()


async def measured(
    apply: Callable[[], Awaitable[object]], world: SidecarWorld, service: str, version: str
) -> tuple[float, float]:
    """Milliseconds until a request follows, and until the apply has its answer."""
    began = time.perf_counter()

    async def answered() -> float:
        await apply()
        return time.perf_counter()

    async with asyncio.TaskGroup() as group:
        answer, request = group.create_task(answered()), group.create_task(followed(world, service, version))
    return (request.result() - began) * 1000, (answer.result() - began) * 1000


def told(what: str, items: list[float]) -> tuple[float, float]:
    """Prints one line; the two figures in it."""
    ordered = sorted(items)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    print(f"  {what:58} p50 {p50:6.0f} ms   p99 {p99:6.0f} ms")
    return p50, p99


async def run(server: KubernetesServer, istiod: Istiod, client: httpx.Client, directory: Path) -> None:
    """Prints the table."""
    objects = Objects(client)
    services = [Service(name, ("v1", "v2"), sidecar=True) for name in (OURS, UNWAITED, RAW)]
    kubeconfig = worker.within(server.kubeconfig(), NAMESPACE)
    async with (
        SidecarWorld(server, istiod, NAMESPACE, services) as world,
        worker.working(kubeconfig, directory / WORKERS[0]) as waiting,
        worker.working(kubeconfig, directory / WORKERS[1], istio_proxies_seconds="0") as not_waiting,
        k8s.Cluster.open(Kubernetes(kubeconfig=kubeconfig)) as cluster,
    ):

        def sent(documents: list[Object]) -> Callable[[], Awaitable[object]]:
            return lambda: asyncio.to_thread(objects.apply, *documents)

        def asked(mesh: worker.Mesh, service: str, version: str) -> Callable[[], Awaitable[object]]:
            return lambda: mesh.do(design(service, version))

        taken: dict[str, list[tuple[float, float]]] = {OURS: [], UNWAITED: [], RAW: []}
        for number in range(_WARM_UP + TIMES):
            version = f"v{number % 2 + 1}"
            for mesh, service in ((waiting, OURS), (not_waiting, UNWAITED)):
                taken[service].append(await measured(asked(mesh, service, version), world, service, version))
            documents: Any = json.loads(await became(cluster))
            taken[RAW].append(await measured(sent(documents), world, RAW, version))
    print(f"\n  {TIMES} splits in turn, each by all three")
    names = {OURS: "Meshwright, waiting", UNWAITED: "Meshwright, not waiting", RAW: "server-side apply"}
    figures = {}
    for service, name in names.items():
        counted = taken[service][_WARM_UP:]
        figures[service] = told(f"{name}: to the first request that follows", [one for one, _ in counted])
        told(f"{name}: to its answer", [one for _, one in counted])
    for service in (OURS, UNWAITED):
        ratios = [one / other for one, other in zip(figures[service], figures[RAW], strict=True)]
        print(f"  {names[service]} / server-side apply, to that request: p50 {ratios[0]:.2f}, p99 {ratios[1]:.2f}")


def main() -> None:
    """Prints the table, or why not."""
    if missing := programs.missing(*programs.CLUSTER, programs.ISTIOD, programs.ISTIOCTL):
        print(f"no Istio: run `make testbed` (for {', '.join(missing)})")
        return
    with tempfile.TemporaryDirectory() as directory, KubernetesServer() as server, server.client() as client:
        meta = {"name": NAMESPACE, "labels": {"istio.io/rev": "default"}}
        with Istiod(server) as istiod:
            Objects(client).apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
            try:
                for each in WORKERS:
                    (Path(directory) / each).mkdir()
                asyncio.run(run(server, istiod, client, Path(directory)))
            except Refused as refused:
                print(refused)


if __name__ == "__main__":
    main()
