"""Listing 10,000 objects and applying 500, against the library's generated models and a plain loop in the same run.

Starts a cluster of the test bed, or uses the one that MESHWRIGHT_TEST_KUBECONFIG names. Pods wait at a scheduling gate,
so that only the API server works on them. Memory is what one watch keeps after all objects were listed, as Python's own
allocator counts it; the list's pages are freed by then.
"""

import asyncio
import gc
import os
import tempfile
import time
import tracemalloc
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from kubernetes_asyncio import client as models
from kubernetes_asyncio import config

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.testing.target_contract import Quiet
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef
from testbed import programs
from testbed.cluster import KubernetesServer

OBJECTS = 10_000
APPLIED = 500
_AT_ONCE = 24


class _Runtime:
    def __init__(self, settings: Kubernetes) -> None:
        self._settings = settings

    async def connection(self, workspace: str, connection: str) -> OpenConnection[Kubernetes]:
        return OpenConnection(workspace=workspace, id=connection, kind="kubernetes", settings=self._settings)


class _Labels(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}


class _Labelled(msgspec.Struct, frozen=True):
    metadata: _Labels = _Labels()


def pod(namespace: str, number: int) -> dict[str, Any]:
    """A pod as meshes know them: two containers, some labels."""
    labels = {"app": f"app-{number % 200}", "version": "v1", "app.kubernetes.io/part-of": "bench"}
    ports = [{"containerPort": 8080, "name": "http"}]
    env = [{"name": f"SETTING_{index}", "value": f"value {index} of {number}"} for index in range(6)]
    containers = [{"name": name, "image": f"example.org/{name}:1", "ports": ports[:1], "env": env}
                  for name in ("app", "proxy")]  # fmt: skip
    spec = {"containers": containers, "schedulingGates": [{"name": "example.org/bench"}]}
    meta = {"name": f"pod-{number}", "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


async def fill(cluster: k8s.Cluster, namespace: str) -> None:
    """Create the objects that are listed."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            await cluster.create(pod(namespace, number))

    async with asyncio.TaskGroup() as group:
        for number in range(OBJECTS):
            group.create_task(one(number))


async def timed(what: str, action: Callable[[], Awaitable[int]]) -> float:
    """Do it, print what it took."""
    gc.collect()
    cpu, began = time.process_time(), time.perf_counter()
    count = await action()
    took = time.perf_counter() - began
    print(f"  {what:58} {took:6.2f} s   {time.process_time() - cpu:6.2f} s CPU   {count} objects")
    return took


async def listing(cluster: k8s.Cluster, namespace: str, kubeconfig: str) -> None:
    """The same list by four hands."""

    async def references() -> int:
        return len([each.ref async for each in cluster.list("", "Pod", namespace)])

    async def fields() -> int:
        return len([each.decode(_Labelled) async for each in cluster.list("", "Pod", namespace)])

    async def whole() -> int:
        return len([each.body async for each in cluster.list("", "Pod", namespace)])

    async def generated() -> int:
        configuration = models.Configuration()
        await config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
        async with models.ApiClient(configuration) as api:
            result, more = 0, dict[str, Any]()
            while True:
                page = await models.CoreV1Api(api).list_namespaced_pod(namespace, limit=500, **more)
                result += len(page.items)
                if not page.metadata._continue:
                    break
                more = {"_continue": page.metadata._continue}
            return result

    own = await timed("list: references, UIDs, versions", references)
    await timed("list: a Struct of some fields", fields)
    await timed("list: everything as dicts", whole)
    peer = await timed("list: generated models of kubernetes_asyncio", generated)
    print(f"  generated models / ours {peer / own:.1f}")
    await memory(cluster, namespace)


async def memory(cluster: k8s.Cluster, namespace: str) -> None:
    """What a watch keeps, and how long it takes without being measured."""

    async def synced() -> tuple[Any, int]:
        watching, size = cluster.watch("", "Pod", namespace), 0
        async for event in watching:
            if isinstance(event, k8s.Added):
                size += len(bytes(event.item.raw))
            if isinstance(event, k8s.Synced):
                break
        return watching, size

    began = time.perf_counter()
    watching, size = await synced()
    took = time.perf_counter() - began
    await watching.aclose()
    gc.collect()
    tracemalloc.start()
    watching, _ = await synced()
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    await watching.aclose()
    print(f"  watch until synced {took:.2f} s, keeps {kept / OBJECTS:.0f} bytes per object of {size / OBJECTS:.0f}")


async def applying(settings: Kubernetes, namespace: str) -> None:
    """A design of many objects, through the target."""
    runtime: Any = _Runtime(settings)
    resources = [
        Resource(
            ref=ResourceRef(kind="ConfigMap", namespace=namespace, name=f"map-{number}"),
            body={"data": {"number": str(number), "text": "x" * 500}},
        )
        for number in range(APPLIED)
    ]
    async with k8s.Clusters(runtime) as clusters:
        mesh = kit.MeshRef(workspace="default", connection="local", mesh="bench")
        target = k8s.KubernetesTarget(kit.Scope(runtime, clusters, mesh))
        cluster = await clusters.get("default", "local")
        draft = kit.Draft(mesh=mesh, owner="bench", operation="bench", design=Design(id="bench"), resources=resources)
        runs: list[kit.DryRun] = []

        async def plan() -> int:
            runs.append(await target.dry_run(draft))
            return len(runs[-1].inventory)

        async def apply() -> int:
            await target.apply(draft, runs[-1].checkpoint, Quiet())
            await target.wait(draft, runs[-1].checkpoint, Quiet())
            return len(resources)

        async def prune() -> int:
            over = kit.Draft(mesh=mesh, owner="bench", operation="over", former=runs[-1].inventory)
            await target.prune(over, runs[-1].inventory, (await target.dry_run(over)).checkpoint, Quiet())
            return len(resources)

        async def plain() -> int:
            for number in range(APPLIED):
                meta = {"name": f"plain-{number}", "namespace": namespace}
                data = {"number": str(number), "text": "x" * 500}
                body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
                await cluster.apply(body, owner="plain")
            return APPLIED

        await timed("plan: live state and dry run", plan)
        await timed("apply and wait", apply)
        await timed("plan once more, nothing to do", plan)
        await timed("apply once more", apply)
        await timed("prune, planned and waited for", prune)
        await timed("plain loop: one server-side apply after another", plain)


async def run(settings: Kubernetes, kubeconfig: str) -> None:
    """Prints the table."""
    namespace = f"meshwright-bench-{uuid.uuid4().hex[:8]}"
    async with k8s.Cluster.open(settings) as cluster:
        await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, owner="bench")
        try:
            print(f"\nKubernetes {await cluster.version()}")
            await applying(settings, namespace)
            await fill(cluster, namespace)
            await listing(cluster, namespace, kubeconfig)
        finally:
            pods, at_once = f"/api/v1/namespaces/{namespace}/pods", {"gracePeriodSeconds": "0"}
            await cluster.request("DELETE", pods, query=at_once, timeout=600)
            await cluster.delete(ResourceRef(kind="Namespace", name=namespace))


def main() -> None:
    """Prints the table, or why not."""
    given = os.environ.get("MESHWRIGHT_TEST_KUBECONFIG")
    if not given and (missing := programs.missing(*programs.CLUSTER)):
        print(f"no Kubernetes: run `make testbed` (for {', '.join(missing)})")
        return
    with ExitStack() as stack:
        text = Path(given).read_text() if given else stack.enter_context(KubernetesServer()).kubeconfig()
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "kubeconfig"
        file.write_text(text)
        asyncio.run(run(Kubernetes(kubeconfig=text), str(file)))


if __name__ == "__main__":
    main()
