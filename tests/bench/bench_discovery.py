"""Discovery of 10,000 pods: seconds, bytes and lag, beside a plain list of the same pods and raw publishing.

A real API server, a nats-server that writes to the disk before it acknowledges, a real mongod; discovery and the
projector run as processes of their own. Memory is how much the resident size of discovery grew, from a connection
without objects to one with all of them. Lag is from the API server's answer to a change until a reader of the stream,
and of the views, finds it.
"""

import asyncio
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from bench.bench_kubernetes import OBJECTS, fill
from meshwright.core import bus as mwbus
from meshwright.core import ids, store
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.store import kinds
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import MongoServer, NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.discovery import resource_id, resource_token
from meshwright.schemas.references import ResourceRef
from rig.discovery import CONNECTION, WORKSPACE, Seen
from testbed import programs
from testbed.cluster import KubernetesServer

CHANGES = 100
SECONDS, BYTES = 8.0, 2048
"""what is promised for all objects together, and for the memory of each"""
_RAW_AT_ONCE = 32
_PATIENCE = 300.0


def resident(process: int) -> int:
    """Bytes that a process holds in memory."""
    return int(psutil.Process(process).memory_info().rss)


async def raw(bus: mwbus.Connection, messages: list[mwbus.Received]) -> float:
    """Seconds to store the same payloads with their headers under other names, as many at once as discovery does."""
    slots = asyncio.Semaphore(_RAW_AT_ONCE)

    async def one(number: int, message: mwbus.Received) -> None:
        async with slots:
            subject = subjects.fill(subjects.SEEN, workspace=WORKSPACE, connection="raw", id=str(number))
            headers = {**message.headers, "Nats-Msg-Id": ids.fresh()}
            await bus.client.request(subject, message.payload, timeout=30, headers=headers)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, message in enumerate(messages):
            group.create_task(one(number, message))
    return time.perf_counter() - began


async def listed(cluster: k8s.Cluster, namespace: str) -> float:
    """Seconds for a plain list."""
    began = time.perf_counter()
    assert len([each.ref async for each in cluster.list("", "Pod", namespace)]) == OBJECTS
    return time.perf_counter() - began


async def lags(cluster: k8s.Cluster, namespace: str, find: Callable[[ResourceRef], Awaitable[str]]) -> list[float]:
    """Milliseconds from each change to where it is found."""
    items = []
    for number in range(CHANGES):
        ref = ResourceRef(kind="Pod", namespace=namespace, name=f"pod-{number}")
        change = {"metadata": {"annotations": {"example.org/changed": ids.fresh()}}}
        body = await cluster.patch(ref, change, owner="bench")
        began = time.perf_counter()
        while await find(ref) != body["metadata"]["resourceVersion"]:  # noqa: ASYNC110 - readers ask, nothing signals
            await asyncio.sleep(0.001)
        items.append((time.perf_counter() - began) * 1000)
    return sorted(items)


def told(what: str, result: list[float]) -> None:
    """Prints one line."""
    print(f"  {what:44} p50 {statistics.median(result):6.1f} ms   p99 {result[int(len(result) * 0.99) - 1]:6.1f} ms")


async def changes(seen: Seen, cluster: k8s.Cluster, namespace: str, process: int, views: store.Views) -> None:
    """Single changes in a cluster that is seen as a whole."""

    async def in_stream(ref: ResourceRef) -> str:
        subject = subjects.fill(subjects.SEEN, workspace=WORKSPACE, connection=CONNECTION, id=resource_token(ref))
        last = await seen.bus.last(subjects.SEEN.stream, subject)
        message: Any = last.message() if last else None
        return str(message.resource.resource_version) if message else ""

    async def in_view(ref: ResourceRef) -> str:
        stored = await views.get(kinds.RESOURCES, WORKSPACE, resource_id(CONNECTION, ref))
        return stored.document.resource_version if stored else ""

    print(f"  discovery with {OBJECTS} objects holds {resident(process) / 2**20:.0f} MiB")
    told("from a change to the stream", await lags(cluster, namespace, in_stream))
    told("from a change to the view", await lags(cluster, namespace, in_view))


async def run(settings: Kubernetes) -> None:
    """Prints the table."""
    namespace = f"meshwright-bench-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        async with (
            k8s.Cluster.open(settings) as cluster,
            NatsServer(sync_always=True) as nats,
            MongoServer() as mongo,
            mwbus.connect(nats.url, "tester") as bus,
            store.connect(mongo.url, "bench", timeout=10) as database,
        ):
            await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, owner="b")
            seen, views = Seen(bus, where / "secret-keys"), store.Views(database)
            common = {"nats_url": nats.url, "secret_key_file": str(where / "secret-keys")}
            allowed = {**common, "connection_allow": "127.0.0.0/8"}
            await seen.connect(settings)
            async with console("meshwright-discovery", directory=where, **allowed) as worker:
                await eventually(seen.synced)
                small = resident(worker.process.pid)
            account = ResourceRef(kind="ServiceAccount", namespace=namespace, name="default")
            await eventually(lambda: cluster.find(account))  # without it no pod is taken
            await fill(cluster, namespace)
            plain = await listed(cluster, namespace)
            began = time.perf_counter()
            async with console("meshwright-discovery", directory=where, **allowed) as worker:
                await eventually(lambda: _whole(bus), timeout=_PATIENCE, interval=0.02)
                took = time.perf_counter() - began
                print(
                    f"\n  {OBJECTS} pods, from the process's start to the stream {took:.2f} s, {OBJECTS / took:.0f}/s"
                )
                print(f"  a plain list of them {plain:.2f} s")
                grown = (resident(worker.process.pid) - small) / OBJECTS
                print(f"  discovery grew from {small / 2**20:.0f} MiB by {grown:.0f} bytes per object")
                print(f"  of what is promised: seconds {took / SECONDS:.2f}, bytes per object {grown / BYTES:.2f}")
                project = {"mongodb_url": mongo.url, "mongodb_database": "bench"}
                began = time.perf_counter()
                async with console("meshwright-projector", directory=where, **common, **project):
                    await eventually(lambda: _projected(views), timeout=_PATIENCE, interval=0.05)
                    print(f"  the view of them from the projector's start {time.perf_counter() - began:.2f} s")
                    await changes(seen, cluster, namespace, worker.process.pid, views)
            pods = [one for one in await seen.messages() if "Pod" in one.subject]
            print(f"  {sum(len(one.payload) for one in pods) / len(pods):.0f} bytes of payload per pod")
            bare = await raw(bus, pods)
            print(f"  raw publishing of the same messages {bare:.2f} s; discovery / raw {took / bare:.2f}")


async def _whole(bus: mwbus.Connection) -> bool:
    info = await bus.js.stream_info(subjects.SEEN.stream)
    return bool(info.state.messages > OBJECTS)


async def _projected(views: store.Views) -> bool:
    try:
        return bool(await views.count(kinds.RESOURCES, WORKSPACE, {"kind": "Pod"}) >= OBJECTS)
    except store.StoreError:
        return False


def main() -> None:
    """Prints the table, or why not."""
    given = os.environ.get("MESHWRIGHT_TEST_KUBECONFIG")
    if not given and (missing := programs.missing(*programs.CLUSTER)):
        print(f"no Kubernetes: run `make testbed` (for {', '.join(missing)})")
        return
    with ExitStack() as stack:
        text = Path(given).read_text() if given else stack.enter_context(KubernetesServer()).kubeconfig()
        asyncio.run(run(Kubernetes(kubeconfig=text)))


if __name__ == "__main__":
    main()
