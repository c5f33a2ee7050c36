"""Unix sockets, and a port, that lead elsewhere: files are what crosses the border of a network namespace.

Invariant: a relay and its connections end with its block.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from meshwright.core.testing.servers import HOST
from testbed.egress import copy
from testbed.traffic.network import PodNetwork

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def relayed(at: Path | int, dial: Callable[[], Awaitable[Streams]]) -> AsyncIterator[None]:
    """Carry what arrives at a path, or at a port of this host, to where `dial` connects, and back."""
    open_ones: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        open_ones.add(task)
        task.add_done_callback(open_ones.discard)
        with contextlib.closing(writer), contextlib.suppress(OSError):
            far_reader, far_writer = await dial()
            with contextlib.closing(far_writer):
                async with asyncio.TaskGroup() as group:
                    group.create_task(copy(reader, far_writer))
                    group.create_task(copy(far_reader, writer))

    if isinstance(at, Path):
        server = await asyncio.start_unix_server(carry, at)
    else:
        server = await asyncio.start_server(carry, HOST, at)
    try:
        yield
    finally:
        server.close()
        for task in list(open_ones):
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)


async def dialled_here(port: int) -> Streams:
    """A connection to a port of this host."""
    return await asyncio.open_connection(HOST, port)


async def dialled_inside(network: PodNetwork, pod: str, address: str, port: int) -> Streams:
    """A connection to an address from within the namespace of a pod."""
    made = network.socket(pod)
    try:
        await asyncio.get_running_loop().sock_connect(made, (address, port))
        return await asyncio.open_connection(sock=made)
    except BaseException:
        made.close()
        raise
