"""The proxy that fault tests spoil connections with: it changes no byte, and each fault is the one that it names."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from meshwright.core.testing.eventually import eventually
from rig.stack.proxies import HOST, TcpProxy


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(64 * 1024):
        writer.write(chunk)
        await writer.drain()
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """A proxy before a server that sends back what it gets, until the sender has ended."""
    server = await asyncio.start_server(_echo, HOST, 0)
    async with TcpProxy(server.sockets[0].getsockname()[1]) as between:
        yield between
    server.close()


async def _silent(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.3):
            await reader.read(1)
    except TimeoutError:
        return True
    return False


async def test_bytes_pass_unchanged_and_are_counted(proxy: TcpProxy) -> None:
    """Three megabytes come back as they were sent, and a half-closed connection still brings its answer."""
    sent = os.urandom(3 * 2**20)
    reader, writer = await asyncio.open_connection(HOST, proxy.port)

    async def send() -> None:
        writer.write(sent)
        await writer.drain()
        writer.write_eof()

    _, result = await asyncio.gather(send(), reader.read(-1))
    assert result == sent
    assert (proxy.sent, proxy.received) == (len(sent), len(sent))
    writer.close()
    await eventually(lambda: proxy.connections == 0)


async def test_a_black_hole_is_silent_and_its_bytes_come_late(proxy: TcpProxy) -> None:
    """Nothing passes and no error is raised, on open connections and on new ones; then the sent bytes arrive."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    writer.write(b"a")
    assert await reader.read(1) == b"a"
    proxy.black_hole()
    writer.write(b"b")
    late_reader, late_writer = await asyncio.open_connection(HOST, proxy.port)
    late_writer.write(b"c")
    assert await _silent(reader)
    assert await _silent(late_reader)
    proxy.heal()
    async with asyncio.timeout(30):
        assert await reader.read(1) == b"b"
        assert await late_reader.read(1) == b"c"
    writer.close()
    late_writer.close()


async def test_half_open_connections_hear_nothing_while_new_ones_are_served(proxy: TcpProxy) -> None:
    """Open connections get nothing; new ones are served."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    writer.write(b"a")
    await reader.read(1)
    proxy.half_open()
    writer.write(b"b")
    assert await _silent(reader)
    assert await _answers(proxy)
    writer.close()


async def test_cut_connections_are_reset_and_new_ones_served(proxy: TcpProxy) -> None:
    """Open connections are reset; new ones are served. With `refuse` none is, until `heal`."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    writer.write(b"a")
    await reader.read(1)
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    assert await _answers(proxy)
    proxy.refuse()
    assert not await _answers(proxy)
    proxy.heal()
    assert await _answers(proxy)


async def test_a_delay_slows_each_chunk(proxy: TcpProxy) -> None:
    """An echo takes the delay twice: there and back."""
    proxy.delay = 0.1
    begin = time.monotonic()
    assert await _answers(proxy)
    assert time.monotonic() - begin >= 0.2


async def _answers(proxy: TcpProxy) -> bool:
    try:
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        writer.write(b"x")
        async with asyncio.timeout(30):
            result = await reader.read(1)
    except OSError:
        return False
    writer.close()
    return result == b"x"
