"""Load that keeps books: what was acknowledged, and what the streams hold of it in the end.

Problem: that nothing is lost shows only when every acknowledgement is remembered outside of what is tested.
Invariant: an entry is made when the acknowledgement has arrived and never before; the balance is read from the
streams themselves, from their first message to their last.
"""

import asyncio
import collections
import datetime
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ending, ids
from meshwright.core.bus.envelope import MESSAGE_ID
from meshwright.schemas import subjects, workloads
from meshwright.schemas.catalog import TERMINAL_TYPES
from rig.stack.people import Person

CONNECTION = "local"
_EVENTS = subjects.EVENTS.stream


class Balance(msgspec.Struct, kw_only=True):
    """What the streams say about the ledger: acknowledged and missing, stored twice, accepted and without an end."""

    lost: int = 0
    twice: int = 0
    open: int = 0
    ended_twice: int = 0

    @property
    def is_even(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.twice or self.open or self.ended_twice)


class Ledger:
    """What was acknowledged: events by their message id, operations by their id."""

    def __init__(self) -> None:
        self.events: dict[str, int] = {}
        self.operations: list[str] = []
        self.answers: collections.Counter[int] = collections.Counter()
        self.slowest_answer = 0.0

    async def publish(self, bus: mwbus.Connection, entity: str, timeout: float = 30) -> None:
        """One event: an adapter's observation of a workload of that name."""
        subject = subjects.fill(subjects.EVENTS, workspace="default", origin="tester", entity="workload", id=entity)
        name = ids.fresh()
        seen = workloads.Workload(
            id=entity,
            mesh="m1",
            connection=CONNECTION,
            name=entity,
            service=entity,
            version=f"v{len(self.events)}",
            address="127.0.0.1",
            port=80,
            observed_at=datetime.datetime.now(datetime.UTC),
        )
        told = workloads.WorkloadObserved(workload=seen)
        ack = await bus.publisher.publish(subject, told, id=name, timeout=timeout)
        self.events[name] = ack.seq

    async def publish_on(self, bus: mwbus.Connection, entity: str, pause: float = 0.0) -> None:
        """Events until cancelled; one that the bus does not take in time is not in the books."""
        while True:
            try:
                await self.publish(bus, entity)
            except mwbus.BusUnavailable:
                continue
            await asyncio.sleep(pause)

    async def ask(self, person: Person, kind: str = "example.noop", mesh: str = "m1") -> bool:
        """Ask the API for an operation once more often until it is accepted or was refused by something else."""
        body = {"kind": kind, "mesh": mesh, "adapter": kind.partition(".")[0], "connection": CONNECTION}
        status, answer = await self.timed(person, "POST", "/v1/operations", body, ids.fresh())
        if status == 202 and answer is not None:
            self.operations.append(answer["id"])
        return status == 202

    async def ask_on(self, person: Person, kind: str = "example.noop", pause: float = 0.02) -> None:
        """Operations until cancelled."""
        while True:
            await self.ask(person, kind)
            await asyncio.sleep(pause)

    async def timed(
        self, person: Person, method: str, path: str, body: object = None, key: str = "", if_match: str = ""
    ) -> tuple[int, Any]:
        """One request whose answer and time are kept, whatever it is; a connection that broke counts as status 0."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        headers = {"Authorization": f"Bearer {person.token}", "Meshwright-Workspace": person.workspace}
        if key:
            headers["Idempotency-Key"] = key
        if if_match:
            headers["If-Match"] = if_match
        try:
            answer = await person.client.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            self.answers[0] += 1
            return 0, None
        finally:
            self.slowest_answer = max(self.slowest_answer, loop.time() - begin)
        self.answers[answer.status_code] += 1
        return answer.status_code, answer.json() if answer.content else None

    async def balance(self, bus: mwbus.Connection) -> Balance:
        """Read EVENTS whole and compare."""
        stored: collections.Counter[str] = collections.Counter()
        ends: collections.Counter[str] = collections.Counter()
        async for received in stored_messages(bus, _EVENTS):
            stored[received.headers.get(MESSAGE_ID, "")] += 1
            if received.type in TERMINAL_TYPES:
                ends[subjects.parse(subjects.EVENTS, received.subject)["id"]] += 1
        return Balance(
            lost=sum(stored[name] == 0 for name in (*self.events, *self.operations)),
            twice=sum(count > 1 for name, count in stored.items() if name),
            open=sum(ends[name] == 0 for name in self.operations),
            ended_twice=sum(count > 1 for count in ends.values()),
        )

    @asynccontextmanager
    async def load(
        self, bus: mwbus.Connection, person: Person, publishers: int = 12, askers: int = 2
    ) -> AsyncIterator[None]:
        """So many who publish and who ask for operations, while the block runs."""
        tasks = [asyncio.create_task(self.publish_on(bus, f"p{number}", 0.02)) for number in range(publishers)]
        tasks += [asyncio.create_task(self.ask_on(person)) for _ in range(askers)]
        try:
            yield
        finally:
            await ending.end(*tasks)

    async def all_ended(self, bus: mwbus.Connection) -> bool:
        """Whether every accepted operation has ended."""
        return (await self.balance(bus)).open == 0


async def whole(bus: mwbus.Connection, stream: str) -> list[mwbus.Received]:
    """Everything that a stream holds now, in its order."""
    return [received async for received in stored_messages(bus, stream)]


async def stored_messages(bus: mwbus.Connection, stream: str) -> AsyncIterator[mwbus.Received]:
    """Each message that a stream holds now, in its order."""
    first, last = await bus.stream_bounds(stream)
    if last < max(first, 1):
        return
    async with aclosing(mwbus.tail(bus, stream)) as batches:
        async for batch in batches:
            for received in batch:
                yield received
            if batch[-1].seq >= last:
                return


async def consumers(bus: mwbus.Connection) -> int:
    """How many consumers the server keeps for all streams together, buckets included."""
    return sum([info.state.consumer_count for info in await bus.js.streams_info()])
