"""How much a worker takes on at once, and how it stops: in the test's own process, with handlers to be watched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.telemetry.metrics import Registry
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.schemas import operations as ops
from meshwright.workers.host import queues
from meshwright.workers.host.queues import OperationQueues, open_settled
from meshwright.workers.host.working import Limits, Worker
from rig.stack import projections

ADAPTER = "watched"


class Change(ops.Arguments, frozen=True, kw_only=True):
    """Changes its mesh, for as long as it is held."""

    kind: ClassVar[ops.OperationKind] = ops.OperationKind("watched.change")


class Look(ops.Arguments, frozen=True, kw_only=True):
    """Changes nothing, for as long as it is held."""

    kind: ClassVar[ops.OperationKind] = ops.OperationKind("watched.look", mutates=False)


class Scene:
    """An adapter whose handlers run until `go` is set; who runs now, and the most that ever ran at once."""

    def __init__(self, bus: mwbus.Connection, folder: Path) -> None:
        self.go = asyncio.Event()
        self.running: list[str] = []
        self.most = 0
        self.order: list[str] = []
        self.ended = Registry().counter("ended_total", "Ended", "kind", "end")
        self._bus = bus
        self._folder = folder
        self._adapter = kit.Adapter("watched", meshes=["watched"])
        self._adapter.operation(Change)(self._held)
        self._adapter.operation(Look)(self._held)

    async def _held(self, context: kit.Context, _arguments: ops.Arguments) -> None:
        """Run until released."""
        operation = context.command.operation
        self.running.append(operation)
        self.order.append(operation)
        self.most = max(self.most, len(self.running))
        try:
            await self.go.wait()
        finally:
            self.running.remove(operation)

    @asynccontextmanager
    async def worker(self, **limits: float) -> AsyncIterator[asyncio.Event]:
        """A running worker; set the event to stop it. Afterwards it has ended, without an error."""
        stop = asyncio.Event()
        runtime = kit.Runtime(self._bus, "watched", "w1", self._folder)
        waits = OperationQueues(self._bus, await open_settled(self._bus))
        chosen = Limits(**{"ack_wait": 60.0, "grace": 0.2, **limits})  # type: ignore[arg-type]
        worker = Worker(self._bus, self._adapter, runtime, None, waits, chosen, self.ended)
        task = asyncio.create_task(worker.run(stop))
        try:
            yield stop
        finally:
            stop.set()
            async with asyncio.timeout(30):
                await task
        assert not worker._held
        assert not worker._looking


@pytest.fixture
def scene(sender: Sender, tmp_path: Path) -> Scene:
    """The adapter."""
    return Scene(sender.bus, tmp_path)


async def test_no_more_run_at_once_than_allowed(sender: Sender, scene: Scene) -> None:
    """Of twenty concurrent operations two run at any moment; the others are queued, and each ends once."""
    async with scene.worker(max_running=2):
        asked = [await sender.ask(Look()) for _ in range(20)]
        await eventually(lambda: len(scene.running) == 2)
        waiting = next(one for one in asked if one not in scene.running)
        await sender.wait_for(waiting, ops.OperationQueued)
        scene.go.set()
        for operation in asked:
            assert kinds(await sender.end(operation))[-1] == "succeeded"
    assert scene.most == 2
    assert sorted(scene.order) == sorted(asked)
    assert sum(scene.ended.values.values()) == 20


async def test_those_that_wait_for_their_turn_cost_no_slot(sender: Sender, scene: Scene) -> None:
    """While many wait behind one on a busy mesh, a change of another mesh runs at once in the slot that is free."""
    async with scene.worker(max_running=2):
        first, *behind = [await sender.ask(Change(), mesh="busy") for _ in range(6)]
        await eventually(lambda: scene.running == [first])
        await sender.wait_for(behind[-1], ops.OperationQueued)
        other = await sender.ask(Change(), mesh="free")
        await eventually(lambda: scene.running == [first, other])
        scene.go.set()
        for operation in behind:
            assert kinds(await sender.end(operation))[-1] == "succeeded"
    assert scene.order == [first, other, *behind]


async def test_a_turn_passes_on_as_soon_as_it_is_over(
    sender: Sender, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end is received while the stream still stores it: the next operation checks again soon, and starts."""
    monkeypatch.setattr(queues, "_RECHECK", 60.0)
    scene.go.set()
    async with scene.worker():
        asked = [await sender.ask(Change()) for _ in range(20)]
        for operation in asked:
            assert kinds(await sender.end(operation, timeout=30))[-1] == "succeeded"
    assert scene.order == asked


async def test_told_to_stop_it_takes_nothing_new_and_keeps_nothing(sender: Sender, scene: Scene) -> None:
    """What ran is given back after the grace and what waited at once: another worker does all of it, each once."""
    async with scene.worker(max_running=1):
        running = await sender.ask(Change())
        await eventually(lambda: scene.running == [running])
        waiting = [await sender.ask(Change()), await sender.ask(Look(), mesh="m2")]
        for operation in waiting:
            await sender.wait_for(operation, ops.OperationQueued)
    late = await sender.ask(Look())
    assert not scene.running
    assert (await sender.bus.js.consumer_info("COMMANDS", "adapter-watched")).num_ack_pending == 3
    scene.go.set()
    async with asyncio.timeout(20), scene.worker():
        for operation in (running, *waiting, late):
            assert kinds(await sender.end(operation))[-1] == "succeeded"
    told = await sender.events(running)
    assert [event.interrupted for event in told if isinstance(event, ops.OperationQueued)] == [True]
    assert [event.attempt for event in told if isinstance(event, ops.OperationStarted)] == [1, 2]


async def test_what_nobody_can_read_delays_nobody(sender: Sender, scene: Scene) -> None:
    """Bytes, other messages and strange subjects are given up at once; good commands beside them are done."""
    scene.go.set()
    place = "mw.cmd.default.watched.local._"
    strange = [
        (f"{place}.x1", b"{", ops.Command.wire.name),
        (f"{place}.x2", b"\xff\xfe", ops.Command.wire.name),
        (f"{place}.x3", b'{"message": "x"}', ops.OperationProgressed.wire.name),
        (f"{place}.x=4", b"{}", ""),
        ("mw.cmd.default.watched.lo=cal._.x5", b"{}", "dev.other.v1"),
    ]
    async with scene.worker():
        for subject, payload, kind in strange:
            await projections.publish_raw(sender.bus, subject, payload, kind)
        operation = await sender.ask(Look())
        assert kinds(await sender.end(operation))[-1] == "succeeded"

        async def all_given_up() -> bool:
            return (await sender.bus.stream_bounds("ADVISORIES"))[1] == len(strange)

        await eventually(all_given_up)
