"""Carries what the API server sends to pods (webhooks, `proxy`) to what a test has put in the place of a pod's port.

Problem: the API server itself reaches into pods, and no pod of the test bed has an address outside of a test's own
network namespace. Invariant: nothing is reached but what a test has named: the folder has a file per port
of a pod, called `10.244.0.5:8080` or, for that port of all other pods, `any:8080`. It holds the path of a Unix socket
or a port of this host.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

_HOST = "127.0.0.1"
_CHUNK = 65_536
_DIAL_S = 10.0


def target(folder: Path, place: str) -> str:
    """What stands for this port of a pod; empty when nothing does."""
    for name in (place, f"any:{place.rpartition(':')[2]}"):
        with contextlib.suppress(OSError):
            return (folder / Path(name).name).read_text()
    return ""


async def carry(folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection of the API server: CONNECT, then bytes both ways."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
        place = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        if not (wanted := target(folder, place)):
            writer.write(b"HTTP/1.1 502 Nothing listens there\r\n\r\n")
            await writer.drain()
        else:
            async with asyncio.timeout(_DIAL_S):
                far_reader, far_writer = await _dialled(wanted)
            with contextlib.closing(far_writer):
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                async with asyncio.TaskGroup() as group:
                    group.create_task(copy(reader, far_writer))
                    group.create_task(copy(far_reader, writer))
    writer.close()


async def _dialled(wanted: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if wanted.startswith("/"):
        return await asyncio.open_unix_connection(wanted)
    return await asyncio.open_connection(_HOST, int(wanted))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that arrives, until either side has enough."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def main(path: str, folder: str) -> None:
    """Serve at a path until this process is ended."""
    server = await asyncio.start_unix_server(lambda *both: carry(Path(folder), *both), path)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
