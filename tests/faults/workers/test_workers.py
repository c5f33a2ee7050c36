"""Workers that are killed, paused, flooded and replaced while they work."""

import asyncio
import importlib.util
import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from ledger_adapter import Look

from faults.ledger_workers import ACK_WAIT, LedgerWorkers, completed, heard, ledger_workers_running
from meshwright.core import ending
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas import operations as ops

pytestmark = [pytest.mark.servers, pytest.mark.faults]
STEPS = 10
WHOLLY = {"FAKETIME_DONT_FAKE_MONOTONIC": "0"}


@pytest.fixture
async def ledger_workers(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[LedgerWorkers]:
    """A group of ledger workers, still empty."""
    async with ledger_workers_running(nats_server, tmp_path) as result:
        yield result


async def test_kill_at_every_boundary_and_inside_every_step(ledger_workers: LedgerWorkers, row: Any) -> None:
    """Twenty kill -9 within one operation: it completes, each step once, each attempt within the ack wait and 1 s."""
    row.fault, row.injected = "worker killed at and in each of ten steps", "kill -9 on the event"
    await ledger_workers.start()
    await ledger_workers.start()
    gaps = []
    async with heard(ledger_workers) as listener:
        operation = await ledger_workers.enter(steps=STEPS, pause="30ms", after="30ms")
        place, _, begun = await listener.next(ops.OperationStarted)
        for number in range(2 * STEPS):
            awaited = ops.StepCompleted if number % 2 else ops.StepStarted
            place, _, _ = await listener.next(awaited, place + 1)
            await ledger_workers.of(begun.worker).kill()
            killed = time.monotonic()
            await ledger_workers.start()
            if number == 2 * STEPS - 1:
                break  # behind the last step there may be nothing left to begin but the end
            place, at, begun = await listener.next(ops.OperationStarted, place + 1)
            gaps.append(at - killed)
        events = await ledger_workers.sender.end(operation, timeout=30)
    done = completed(events)
    row.runs, row.recovery = 2 * STEPS, max(gaps)
    row.lost = STEPS - len(set(done) & {f"enter-{number}" for number in range(STEPS)})
    row.duplicated = len(done) - len(set(done))
    attempts = [event.attempt for event in events if isinstance(event, ops.OperationStarted)]
    row.note = f"{len(attempts)} attempts told; ack wait {ACK_WAIT:g} s"
    assert kinds(events)[-1] == "succeeded"
    assert attempts == list(range(1, len(attempts) + 1))
    assert ledger_workers.book.entries(operation) == list(range(STEPS))
    assert (row.lost, row.duplicated) == (0, 0)
    # A replacement takes half a second of one core to start, and the standby takes over meanwhile.
    assert max(gaps) <= ACK_WAIT + 1.0


async def test_a_paused_worker_is_fenced_off(ledger_workers: LedgerWorkers, row: Any) -> None:
    """A worker that sleeps past its ack wait has no event accepted and no effect made afterwards, and works on."""
    row.fault, row.injected = "worker paused past its ack wait (zombie)", "SIGSTOP in a step, SIGCONT after the end"
    late = 0
    for _ in range(5):
        zombie = await ledger_workers.start()
        async with heard(ledger_workers) as listener:
            operation = await ledger_workers.enter(steps=6, pause="150ms")
            place, _, _ = await listener.next(ops.StepCompleted)
            await listener.next(ops.StepStarted, place)
            zombie.signal(signal.SIGSTOP)
            other = await ledger_workers.start()
            events = await ledger_workers.sender.end(operation, timeout=30)
        tries = ledger_workers.book.tries(operation)
        zombie.signal(signal.SIGCONT)
        await eventually(partial(_was_fenced, zombie))
        late += (
            len(ledger_workers.book.tries(operation))
            - len(tries)
            + len(await ledger_workers.sender.events(operation))
            - len(events)
        )
        assert kinds(events)[-1] == "succeeded"
        assert ledger_workers.book.entries(operation) == list(range(6))
        await other.stop()
        fresh = await ledger_workers.look()
        assert kinds(await ledger_workers.sender.end(fresh))[-1] == "succeeded"
        await zombie.stop()
        row.runs += 1
    row.duplicated, row.note = late, "events and effects of the zombie after its successor's first"
    assert late == 0


async def test_order_holds_while_workers_die(ledger_workers: LedgerWorkers, row: Any) -> None:
    """Changes of a mesh run one at a time in the order of acceptance, and meshes concurrently, whichever worker is
    killed.
    """
    row.fault, row.injected = "order per mesh under kills", "kill -9 of a working worker, every 0.5 s"
    chance = random.Random(7)
    for _ in range(3):
        await ledger_workers.start()
    asked = {
        f"m{mesh}": [await ledger_workers.enter(f"m{mesh}", steps=2, pause="120ms") for _ in range(12)]
        for mesh in range(4)
    }

    async def killing() -> None:
        while True:
            await asyncio.sleep(0.5)
            alive = [worker for worker in ledger_workers.workers.values() if worker.process.returncode is None]
            await chance.choice(alive).kill()
            row.runs += 1
            await ledger_workers.start()

    killer = asyncio.create_task(killing())
    try:
        await ledger_workers.settled(100)
    finally:
        await ending.end(killer)
    await ledger_workers.settled(30)
    spans = await ledger_workers.spans()
    for operations in asked.values():
        assert sorted(operations, key=lambda one: spans[one][0]) == operations
        for before, behind in itertools.pairwise(operations):
            row.duplicated += spans[behind][0] < spans[before][1]  # ran beside the one before it
        row.lost += sum(ledger_workers.book.entries(one) != [0, 1] for one in operations)
    first, last = min(spans[one[0]][0] for one in asked.values()), max(spans[one[0]][1] for one in asked.values())
    assert first < last
    assert row.runs >= 4
    row.note = "48 operations on 4 meshes; twice = ran beside the one before"
    assert (row.lost, row.duplicated) == (0, 0)


async def test_a_long_operation_is_delivered_once(ledger_workers: LedgerWorkers, row: Any) -> None:
    """An operation that lasts many times its ack wait is kept alive and never delivered again."""
    row.fault, row.injected = "operation longer than the ack wait", f"12 s of work, ack wait {ACK_WAIT:g} s"
    await ledger_workers.start()
    await ledger_workers.start()
    operation = await ledger_workers.enter(steps=1, pause="12s")
    events = await ledger_workers.sender.end(operation, timeout=30)
    attempts = sum(isinstance(event, ops.OperationStarted) for event in events)
    row.runs, row.duplicated = 1, attempts - 1
    info = await ledger_workers.bus.js.consumer_info("COMMANDS", "adapter-ledger")
    assert attempts == 1
    assert info.num_redelivered == 0


async def test_a_flood_waits_in_the_stream(ledger_workers: LedgerWorkers, row: Any) -> None:
    """Ten times more commands than a worker can take cost it little memory, and none is lost."""
    row.fault, row.injected = "commands at many times the worker's rate", "2,000 commands at once, 8 at a time"
    worker = await ledger_workers.start(worker_max_running="8", worker_ack_wait="5")
    await ledger_workers.sender.end(await ledger_workers.look())
    process = psutil.Process(worker.process.pid)
    before = process.memory_info().rss
    asked = []
    for _ in range(40):
        asked += await asyncio.gather(*(ledger_workers.look(seconds=15, pause="200ms") for _ in range(50)))
    info = await ledger_workers.bus.js.consumer_info("COMMANDS", "adapter-ledger")
    waiting = (info.num_pending or 0) + (info.num_ack_pending or 0)
    await ledger_workers.settled(60)
    grown = (process.memory_info().rss - before) / 2**20
    ends = await ledger_workers.ends()
    row.runs, row.lost = len(asked), sum(operation not in ends for operation in asked)
    row.note = f"{waiting} waited at the peak, worker grew by {grown:.0f} MiB, " + ", ".join(
        f"{count} {end}" for end, count in sorted(Counter(ends[one] for one in asked).items())
    )
    assert waiting > 1500
    assert row.lost == 0
    assert grown < 60


async def test_two_versions_share_the_work(ledger_workers: LedgerWorkers, row: Any) -> None:
    """Old and new workers run side by side under load: each command is run by a worker that understands it, once."""
    row.fault, row.injected = "rolling upgrade of an adapter", "1.0.0 and 2.0.0 together, both restarted under load"
    old, new = await ledger_workers.start(ledger_major="1"), await ledger_workers.start(ledger_major="2")
    asked: dict[str, int] = {}
    for number in range(300):
        version = 1 + number % 2
        asked[await ledger_workers.sender.ask(Look(), version=version)] = version
        if number in (100, 200):
            await asyncio.gather(old.stop(), new.stop())
            old, new = await ledger_workers.start(ledger_major="1"), await ledger_workers.start(ledger_major="2")
    began = time.monotonic()
    await ledger_workers.settled(30)
    row.recovery = time.monotonic() - began
    ran: dict[str, list[str]] = {}
    async for _, operation, event in ledger_workers.events():
        if isinstance(event, ops.OperationStarted):
            ran.setdefault(operation, []).append(event.adapter_version)
    ends = await ledger_workers.ends()
    row.runs, row.lost = len(asked), sum(ends.get(operation) != "succeeded" for operation in asked)
    wrong = sum(any(one != f"{version}.0.0" for one in ran[operation]) for operation, version in asked.items())
    row.duplicated = sum(len(versions) - 1 for versions in ran.values())
    row.note = f"{wrong} run by the wrong version; time = from the last command until all had ended"
    assert (row.lost, wrong, row.duplicated) == (0, 0, 0)
    assert ledger_workers.tracebacks() == []


@pytest.mark.parametrize(
    "clocks",
    [
        pytest.param([{"FAKETIME": "+1h"}, {"FAKETIME": "-1h"}], id="an hour ahead and behind"),
        pytest.param([{"FAKETIME": "+0 x2"}, {"FAKETIME": "+0 x0.5"}], id="at double and half rate"),
        pytest.param(
            [{"FAKETIME": "+0 x2", **WHOLLY}, {"FAKETIME": "+0 x0.5", **WHOLLY}],
            id="at double and half rate, monotonic too",
        ),
    ],
)
async def test_a_wrong_clock_does_no_harm(
    ledger_workers: LedgerWorkers, row: Any, request: pytest.FixtureRequest, clocks: list[dict[str, str]]
) -> None:
    """Workers with two kinds of wrong clocks share the work: nothing runs twice or ends too early."""
    row.fault = f"clocks {request.node.callspec.id}"
    row.injected = "libfaketime under one worker each"
    for clock in clocks:
        await ledger_workers.start(_faked(clock))
    asked = [await ledger_workers.look(seconds=30, pause="20ms") for _ in range(60)]
    changes = [await ledger_workers.enter(f"m{number % 3}", seconds=30, steps=2) for number in range(18)]
    late = await ledger_workers.enter("slow", seconds=2, steps=1, pause="20s")
    await ledger_workers.settled(40)
    ends = await ledger_workers.ends()
    assert ends.pop(late) == "timed_out"
    ran = Counter(
        [operation async for _, operation, event in ledger_workers.events() if isinstance(event, ops.OperationStarted)]
    )
    row.runs, row.lost = len(asked + changes), sum(ends.get(one) != "succeeded" for one in asked + changes)
    row.duplicated = sum(count - 1 for count in ran.values())
    assert (row.lost, row.duplicated) == (0, 0)
    assert all(ledger_workers.book.entries(one) == [0, 1] for one in changes)


async def test_sigterm_drains_what_runs(ledger_workers: LedgerWorkers, row: Any) -> None:
    """With 50 operations in flight a worker ends within its grace time, runs none of them twice and loses none."""
    row.fault, row.injected = "worker told to end with 50 in flight", "SIGTERM, grace 5 s"
    longest = 0.0
    for _ in range(4):
        worker = await ledger_workers.start(worker_max_running="25", worker_grace="5", worker_ack_wait="30")
        async with heard(ledger_workers) as listener:
            asked = [await ledger_workers.look(pause="700ms") for _ in range(50)]
            await listener.next(ops.OperationStarted)
        began = time.monotonic()
        assert await worker.stop() == 0
        longest = max(longest, time.monotonic() - began)
        await ledger_workers.start(worker_ack_wait="30")
        for operation in asked:
            events = await ledger_workers.sender.end(operation, timeout=20)
            row.lost += kinds(events)[-1] != "succeeded"
            row.duplicated += sum(isinstance(event, ops.OperationStarted) for event in events) - 1
        for other in ledger_workers.workers.values():
            if other.process.returncode is None:
                assert await other.stop() == 0
        row.runs += 1
    row.recovery, row.note = longest, "time = until the process had ended"
    assert (row.lost, row.duplicated) == (0, 0)
    assert longest < 5
    assert ledger_workers.tracebacks() == []


def _was_fenced(worker: WorkerProcess) -> bool:
    return "taken over" in worker.log.read_text()


def _faked(clock: dict[str, str]) -> dict[str, str]:
    """The environment that gives a process another clock; by default only the wall clock."""
    result = importlib.util.find_spec("libfaketime")
    if result is None or result.origin is None:
        pytest.skip("libfaketime is not installed")
    library = Path(result.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"
    return {"FAKETIME_DONT_FAKE_MONOTONIC": "1", **clock, "LD_PRELOAD": str(library)}
