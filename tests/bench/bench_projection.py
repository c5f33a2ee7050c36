"""The projector's events/s against the very same bulk writes through raw Motor, in the same run.

The stream holds no-op operations of three events each. The projector reads, folds and writes them; what it sent to
MongoDB is recorded and then sent again by plain Motor, batch by batch, into collections with the same indexes.
CPU per event is of this process; mongod's is beside it. The last line is the same writes with the sequence guard
in the filter instead of inside the update.
"""

import asyncio
import datetime
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReplaceOne, UpdateOne, WriteConcern

from meshwright.core import bus as mwbus
from meshwright.core import ids, store
from meshwright.core.bus import envelope
from meshwright.core.store import indexes
from meshwright.core.store.checkpoints import Checkpoint
from meshwright.core.store.writing import Batch, Refusal, Write, Writer
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import MongoServer, NatsServer
from meshwright.schemas import catalog
from meshwright.schemas import operations as o
from meshwright.workers import running
from meshwright.workers.projector.batches import Tally
from meshwright.workers.projector.pipeline import Pipeline

OPERATIONS = 5_000
ROUNDS = 3
Bulks = list[tuple[str, list[Write]]]


class Recorder(Writer):
    """A writer that remembers what it sent, one list of bulks per batch."""

    def __init__(self, database: store.Database, generation: int) -> None:
        super().__init__(database, generation)
        self.batches: list[tuple[Bulks, Checkpoint]] = []

    async def write(self, batch: Batch, settled: Sequence[Checkpoint] = ()) -> list[Refusal]:
        """See Writer."""
        self.batches.append(([], batch.checkpoints[0]))
        return await super().write(batch, settled)

    async def _bulk(self, name: str, bulk: list[Write]) -> dict[int, tuple[int, str]]:
        self.batches[-1][0].append((name, bulk))
        return await super()._bulk(name, bulk)


class Side(msgspec.Struct, frozen=True):
    """What one side took, per event."""

    rate: float
    cpu: float
    server_cpu: float


async def measured(mongo: MongoServer, events: int, work: Callable[..., Any], *arguments: Any) -> Side:
    """Runs `work` with these arguments and relates what it took to the number of events; CPU in microseconds."""
    began, own, theirs = time.perf_counter(), _own_cpu(), _cpu_of(mongo.pid)
    await work(*arguments)
    took = time.perf_counter() - began
    return Side(events / took, (_own_cpu() - own) / events * 1e6, (_cpu_of(mongo.pid) - theirs) / events * 1e6)


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def fill(bus: mwbus.Connection) -> int:
    """Stores the operations; the number of events."""
    now = datetime.datetime.now(datetime.UTC)
    for _ in range(OPERATIONS):
        operation = ids.fresh()
        command = o.Command(
            operation=operation, workspace="default", adapter="envoy", connection="local", mesh="demo",
            kind="mesh.status", principal="bench", accepted_at=now, deadline=now,
        )  # fmt: skip
        for origin, message in (
            ("commands", command),
            ("envoy", o.OperationStarted(worker="w", adapter_version="1", attempt=1)),
            ("envoy", o.OperationSucceeded(result={"done": True})),
        ):
            headers = envelope.write(
                mwbus.Envelope(
                    id=ids.fresh(),
                    source="bench",
                    type=message.wire.name,
                    traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
                )
            )
            subject = f"mw.evt.default.{origin}.operation.{operation}"
            await bus.client.publish(subject, catalog.encode(message), headers=headers)
    await bus.client.flush()
    last = 0

    async def stored() -> bool:
        nonlocal last
        last = (await bus.stream_bounds("EVENTS"))[1]
        return last >= 3 * OPERATIONS

    await eventually(stored, timeout=60)
    return last


async def project(bus: mwbus.Connection, writer: Writer, last: int) -> None:
    """The projector's own way."""
    task = asyncio.create_task(Pipeline(bus, writer, "EVENTS", Tally()).run())

    async def done() -> bool:
        return (await writer.position("EVENTS")).seq >= last

    await eventually(done, timeout=120)
    task.cancel()
    await asyncio.wait({task})


async def replay(
    database: "AsyncIOMotorDatabase[Any]", generation: int, batches: list[tuple[Bulks, Checkpoint]]
) -> None:
    """The same writes by plain Motor."""
    for bulks, checkpoint in batches:
        await asyncio.gather(
            *(database[f"{name}_g{generation}"].bulk_write(bulk, ordered=False) for name, bulk in bulks)
        )
        await database["checkpoints"].update_one(
            {"_id": f"{generation}/EVENTS"}, {"$max": {"seq": checkpoint.seq}}, upsert=True
        )


def in_filter(batches: list[tuple[Bulks, Checkpoint]]) -> list[tuple[Bulks, Checkpoint]]:
    """The same replacements with the guard in the filter."""

    def guarded(write: Write) -> Any:
        if not isinstance(write, UpdateOne):
            return write
        update: Any = write._doc
        row = update[0]["$replaceWith"]["$cond"][2]["$literal"]
        return ReplaceOne({"_id": row["_id"], "seq": {"$lt": row["seq"]}}, row, upsert=True)

    return [
        ([(name, [guarded(write) for write in bulk]) for name, bulk in bulks], checkpoint)
        for bulks, checkpoint in batches
    ]


async def run() -> dict[str, list[Side]]:
    """All rounds of all sides."""
    result: dict[str, list[Side]] = {"projector": [], "raw Motor": [], "raw Motor, guard in the filter": []}
    async with (
        NatsServer() as nats,
        MongoServer() as mongo,
        mwbus.connect(nats.url, "bench") as bus,
        store.connect(mongo.url, "bench", timeout=30) as database,
    ):
        last = await fill(bus)
        client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(mongo.url)
        raw = client.get_database("bench", write_concern=WriteConcern("majority", j=True))
        for number in range(ROUNDS):
            own, record, plain, other = (10 * number + side for side in (1, 2, 3, 4))
            for generation in (own, record, plain, other):
                await indexes.ensure(database, generation)
            result["projector"].append(await measured(mongo, last, project, bus, Writer(database, own), last))
            writer = Recorder(database, record)  # apart, because remembering everything costs time of its own
            await project(bus, writer, last)
            filtered = in_filter(writer.batches)
            sides = [("raw Motor", plain, writer.batches), ("raw Motor, guard in the filter", other, filtered)]
            for name, generation, batches in sides if number % 2 else reversed(sides):
                result[name].append(await measured(mongo, last, replay, raw, generation, batches))
        client.close()
    return result


def main() -> None:
    """Prints the table."""
    running.tune_garbage_collector()
    result = uvloop.run(run())
    print(f"\nprojection of {3 * OPERATIONS} events, median of {ROUNDS} rounds")
    for name, sides in result.items():
        middle = [statistics.median(getattr(side, field) for side in sides) for field in Side.__struct_fields__]
        print(f"  {name:32} {middle[0]:8.0f} events/s   {middle[1]:5.0f} us CPU   mongod {middle[2]:4.0f} us CPU")
    ratios = [ours.rate / raw.rate for ours, raw in zip(result["projector"], result["raw Motor"], strict=True)]
    print(f"  projector / raw Motor            {statistics.median(ratios):8.2f}   (goal >= 0.8, and >= 5,000 events/s)")


if __name__ == "__main__":
    main()
