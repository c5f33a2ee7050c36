"""CPU per event: our publish and tail against raw nats-py publish and fetch, in the same run.

Each side stores the same number of messages of about 250 bytes with 64 publishes under way, then reads them all.
CPU is this process's own (user + system); the server's is not counted, as both sides use it alike.
"""

import asyncio
import resource
import statistics
from collections.abc import Awaitable, Callable

import msgspec
import uvloop
from nats.js.api import ConsumerConfig, StreamConfig

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import operations, subjects

EVENTS = 10_000
IN_FLIGHT = 64
ROUNDS = 5
MESSAGE = operations.StepCompleted(step="apply-the-resources", attempt=1, result={"resources": ["a" * 150]})


def cpu() -> float:
    """CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def flood(publish: Callable[[int], Awaitable[object]]) -> None:
    """Call `publish` for every event with a bounded number under way."""
    numbers = iter(range(EVENTS))

    async def one_lane() -> None:
        for number in numbers:
            await publish(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(one_lane())


async def ours(bus: mwbus.Connection) -> float:
    """CPU seconds to publish and to tail all events."""
    before = mwbus.Position(seq=(await bus.stream_bounds("EVENTS"))[1])
    began = cpu()

    async def publish(number: int) -> object:
        subject = subjects.fill(
            subjects.EVENTS, workspace="default", origin="bench", entity="operation", id=str(number)
        )
        return await bus.publisher.publish(subject, MESSAGE, about=f"operations/{number}")

    await flood(publish)
    seen = 0
    async for batch in mwbus.tail(bus, "EVENTS", after=before):
        for received in batch:
            assert received.message() == MESSAGE
        seen += len(batch)
        if seen >= EVENTS:
            break
    return cpu() - began


async def raw(bus: mwbus.Connection) -> float:
    """The same with nats-py alone: publish with a message id, fetch in batches, acknowledge, decode."""
    js = bus.js
    await js.add_stream(StreamConfig(name="RAW", subjects=["raw.>"], duplicate_window=600))
    began = cpu()

    async def publish(number: int) -> object:
        headers = {"Nats-Msg-Id": ids.fresh()}
        return await js.publish(f"raw.{number}", msgspec.json.encode(MESSAGE), headers=headers)

    await flood(publish)
    subscription = await js.pull_subscribe("raw.>", durable="raw", config=ConsumerConfig(max_ack_pending=2000))
    seen = 0
    while seen < EVENTS:
        for message in await subscription.fetch(200, timeout=5):
            msgspec.json.decode(message.data, type=operations.StepCompleted)
            await message.ack()
            seen += 1
    spent = cpu() - began
    await js.delete_stream("RAW")
    return spent


async def measure() -> None:
    """Print both sides and their ratio."""
    ratios = []
    async with NatsServer() as server, mwbus.connect(server.url, "bench") as bus:
        for _ in range(ROUNDS):
            baseline, own = await raw(bus), await ours(bus)
            ratios.append(own / baseline)
            print(f"  raw {baseline / EVENTS * 1e6:6.1f} µs/event   ours {own / EVENTS * 1e6:6.1f} µs/event")
    print(f"bus: CPU per event, ours / raw nats-py: {statistics.median(ratios):.2f} (goal <= 2.0)")


def main() -> None:
    """Run the benchmark."""
    uvloop.run(measure())


if __name__ == "__main__":
    main()
