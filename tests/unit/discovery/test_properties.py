"""Whatever happens in a cluster and to a worker, what is seen ends as what the cluster has."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.kit.kubernetes import watching
from meshwright.core.kit.kubernetes.watching import Collection, Watch
from meshwright.core.testing.memory import MemoryBus
from meshwright.core.testing.memory.matching import matches
from meshwright.schemas.discovery import ResourceObserved
from meshwright.workers.discovery.following import Changes, follow
from meshwright.workers.discovery.seen import STREAM, Fenced, Seen
from rig.model_cluster import API, ModelCluster

KIND = (API.group, API.kind)
NAMES = st.sampled_from(["a", "b.c", "d", "e", "f"])
STEPS = st.one_of(
    st.tuples(st.just("put"), NAMES),
    st.tuples(st.just("put"), NAMES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.sampled_from(["forget", "disconnect", "stop", "restart", "settle", "pass", "zombie"]), st.just("")),
)


def newest(bus: MemoryBus) -> list[mwbus.Received]:
    """What a stream that keeps one message per subject would hold."""
    return sorted({one.subject: one for one in bus.streams[STREAM]}.values(), key=lambda one: one.seq)


class Run:
    """A cluster, a stream, and the worker between them; `former` is one that lost its lease and does not know it."""

    def __init__(self, page: int) -> None:
        self.cluster = ModelCluster(page)
        self.bus = MemoryBus()
        self.worker: asyncio.Task[None] | None = None
        self.seen = self._fresh()
        self.former: Seen | None = None

    def _fresh(self) -> Seen:
        async def read(subject: str, seq: int) -> Sequence[mwbus.Received]:
            return [one for one in newest(self.bus) if matches(subject, one.subject) and one.seq >= seq][:2]

        return Seen(self.bus, read, "blue", "prod")

    async def start(self) -> None:
        """A worker without state."""
        self.seen = self._fresh()
        await self.seen.load()
        self.worker = asyncio.create_task(self._work(self.seen))

    async def stop(self) -> None:
        """End the worker wherever it is."""
        if self.worker:
            await ending.end(self.worker)
            self.worker, self.former = None, self.seen

    async def _work(self, seen: Seen) -> None:
        changes = Changes(seen)
        transport: Any = self.cluster
        async with changes.working():
            await follow(Watch(transport, Collection(API)).events(), KIND, seen, changes, lambda failure: None)

    def visible(self) -> dict[str, tuple[str, str]]:
        """UID and version by name, as a view would show."""
        told = [one.message() for one in newest(self.bus)]
        resources = [one.resource for one in told if isinstance(one, ResourceObserved)]
        return {one.name: (one.uid, one.resource_version) for one in resources}

    async def settle(self) -> None:
        """Wait until what is seen is what is there."""
        if self.worker is None:
            await self.start()
        async with asyncio.timeout(60):
            while self.visible() != self.cluster.state():
                if self.worker and self.worker.done():
                    self.worker.result()
                await asyncio.sleep(0.001)

    async def haunt(self) -> None:
        """The former worker publishes all that it still believes."""
        for name in list(self.cluster.things) if self.former else []:
            with contextlib.suppress(Fenced):
                assert self.former is not None
                await self.former.apply([self.cluster.item(name)])

    async def step(self, what: str, name: str) -> None:
        """One thing that happens."""
        match what:
            case "put":
                self.cluster.put(name)
            case "delete":
                self.cluster.delete(name)
            case "forget":
                self.cluster.forget()
            case "disconnect":
                self.cluster.disconnect()
            case "stop":
                await self.stop()
            case "restart":
                await self.stop()
                await self.start()
            case "settle":
                await self.settle()
            case "zombie":
                await self.settle()
                await self.haunt()
            case _:
                await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that was broken off begins again at once."""
    monkeypatch.setattr(watching, "_FIRST_PAUSE", 0.0005)
    monkeypatch.setattr(watching, "_LONGEST_PAUSE", 0.001)


@settings(max_examples=150)
@given(steps=st.lists(STEPS, max_size=40), page=st.integers(1, 3))
def test_what_is_seen_ends_as_what_is_there(steps: list[tuple[str, str]], page: int) -> None:
    """After changes, forgotten history, broken watches and restarts in any order: no ghost, no gap, nothing twice."""

    async def scenario() -> None:
        run = Run(page)
        await run.start()
        try:
            for what, name in steps:
                await run.step(what, name)
            await run.settle()
        finally:
            await run.stop()
        told = [one.message() for one in run.bus.streams[STREAM]]
        versions = [
            (one.resource.uid, one.resource.resource_version) for one in told if isinstance(one, ResourceObserved)
        ]
        assert len(versions) == len(set(versions))

    asyncio.run(scenario())


async def test_a_worker_that_is_fenced_off_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with stale state changes nothing, whether the object exists, is removed, or was created again."""
    run = Run(page=3)
    run.cluster.put("a")
    await run.start()
    await run.settle()
    old, item = run.seen, run.cluster.item("a")
    await run.stop()
    await run.start()
    run.cluster.put("a")
    await run.settle()
    with pytest.raises(Fenced):
        await old.apply([item.ref])
    run.cluster.delete("a")
    await run.settle()
    with pytest.raises(Fenced):
        await old.apply([item.ref])
    await run._fresh().apply([item])  # which knows nothing of it, and has it from a stale list
    assert run.visible() == {}
    run.cluster.put("a")
    await run.settle()
    await run.stop()
