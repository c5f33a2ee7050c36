"""What users and TLS cost on the bus: three nats-servers in turns, one that is open, one with users, one with both.

On each, in every round: events published one by one and 64 at a time, look-ups, commands pulled and acknowledged, and
requests of the API to an adapter. Clients are the API and an adapter as in production, in accounts of their own.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from meshwright.core import bus as mwbus
from meshwright.core import ids, settings
from meshwright.core.bus.client.requesting import request
from meshwright.core.bus.client.serving import serving
from meshwright.core.bus.stream import provisioning
from meshwright.core.testing import identities
from meshwright.core.testing.sending import command
from meshwright.core.testing.servers import HOST, NatsServer
from meshwright.schemas import operations, subjects
from rig.stack.tls import Authority

ROUNDS = 5
COUNT = 400
IN_FLIGHT = 64
MESSAGE = operations.StepCompleted(step="apply-the-resources", attempt=1, result={"resources": ["a" * 150]})
QUEUE = mwbus.WorkQueue(
    stream=subjects.ASKED.stream,
    name=subjects.ASKED.name.format(adapter="example"),
    subject=subjects.ASKED.filter.format(adapter="example"),
)
Work = Callable[["Side"], Awaitable[None]]


class Side:
    """One server, and the two components on it."""

    def __init__(self, name: str, api: mwbus.Connection, adapter: mwbus.Connection) -> None:
        self.name = name
        self.api = api
        self.adapter = adapter
        self.subject = subjects.fill(
            subjects.EVENTS, workspace="default", origin="api", entity="operation", id=ids.fresh()
        )

    async def publish(self) -> None:
        """One event."""
        await self.api.publisher.publish(self.subject, MESSAGE)


async def one_by_one(side: Side) -> None:
    """Each event after the last one is acknowledged."""
    for _ in range(COUNT):
        await side.publish()


async def many_at_a_time(side: Side) -> None:
    """A bounded number of events under way."""
    numbers = iter(range(COUNT))

    async def lane() -> None:
        for _ in numbers:
            await side.publish()

    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))


async def look_up(side: Side) -> None:
    """The newest event of a subject."""
    for _ in range(COUNT):
        assert await side.api.last(subjects.EVENTS.stream, side.subject) is not None


async def pull(side: Side) -> None:
    """Commands through the adapter's queue, published by the API before."""
    left = COUNT
    for _ in range(COUNT):
        asked = command()
        subject = subjects.fill(
            subjects.COMMANDS,
            workspace=asked.workspace,
            adapter=asked.adapter,
            connection=asked.connection,
            queue=subjects.UNORDERED,
            operation=asked.operation,
        )
        await side.api.publisher.publish(subject, asked, id=asked.operation)
    async for job in mwbus.jobs(side.adapter, QUEUE):
        if job is not None:
            await job.ack()
            left -= 1
        if not left:
            return


async def ask(side: Side) -> None:
    """Requests from the API's account to the adapter's."""
    for _ in range(COUNT):
        await request(side.api, "example", "echo", b"x")


WORK: dict[str, Work] = {
    "publish, one by one": one_by_one,
    f"publish, {IN_FLIGHT} at a time": many_at_a_time,
    "look up": look_up,
    "ask for work, pull, ack": pull,
    "request and answer": ask,
}


async def echo(payload: bytes) -> bytes:
    """The endpoint that is asked."""
    return payload


async def opened(name: str, server: NatsServer, exits: AsyncExitStack, folder: Path, authority: Authority) -> Side:
    """The server's two components, at work."""
    ca_file = authority.file if name == "users, TLS" else None
    has_users = name != "open"
    url = server.url if has_users else server.address
    async with mwbus.connect(url, "provisioner", ca_file=ca_file) as bus:
        await provisioning.provision(bus, identities.ADAPTERS)

    async def join(component: str) -> mwbus.Connection:
        chosen = settings.Settings(
            nats_url=server.address,
            nats_ca_file=ca_file,
            nats_credentials_file=identities.credentials_file(component, folder) if has_users else None,
            nats_allow_anonymous=not has_users,
        )
        return await exits.enter_async_context(mwbus.join(chosen, component))

    side = Side(name, await join(subjects.API), await join(subjects.ADAPTER.format(adapter="example")))
    await exits.enter_async_context(serving(side.adapter, "example", "1.0.0", {"echo": echo}))
    return side


async def measure() -> None:
    """Print each kind of work on the three sides, and the ratios to the open one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = Authority(folder)
        users = identities.configuration(identities.ADAPTERS)
        servers = {
            "open": NatsServer(config="# anybody may do anything"),
            "users": NatsServer(),
            "users, TLS": NatsServer(config=f"{authority.tls(HOST)}\n{users}"),
        }
        async with AsyncExitStack() as exits:
            sides = []
            for kind, server in servers.items():
                await exits.enter_async_context(server)
                sides.append(await opened(kind, server, exits, folder, authority))
            for what, work in WORK.items():
                await compare(what, work, sides)


async def compare(what: str, work: Work, sides: list[Side]) -> None:
    """One kind of work, on all sides in turns."""
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(ROUNDS + 1):
        for side in sides:
            began = time.perf_counter()
            await work(side)
            took[side.name].append((time.perf_counter() - began) / COUNT * 1e6)
    for times in took.values():
        del times[0]  # the first is for warming up
    words = []
    for name, times in took.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(times, took["open"], strict=True))
        words.append(f"{name} {ratio:.2f} ({statistics.median(times):.0f} µs)")
    print(f"bus, {what}: time / open: {', '.join(words)}")


def main() -> None:
    """Run the benchmark."""
    uvloop.run(measure())


if __name__ == "__main__":
    main()
