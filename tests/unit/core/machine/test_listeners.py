"""The process that listens on a port: read from the kernel, and never confused with another."""

import asyncio
import os
import socket
import sys
from pathlib import Path

from meshwright.core.machine import listeners, processes
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import free_port

LISTENER = """
import socket, sys, time
one = socket.socket(); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
one.bind(("127.0.0.1", int(sys.argv[1]))); one.listen(); time.sleep(600)
"""


def spawn(tmp_path: Path, port: int) -> processes.Record:
    """A process that listens on the port."""
    command = [sys.executable, "-c", LISTENER, str(port)]
    return processes.spawn("listener", command, log=tmp_path / "log", environment={})


async def test_the_process_that_listens_holds_the_port(tmp_path: Path) -> None:
    """It does once it listens, no other process does, and after its end none does."""
    port = free_port()
    assert listeners.held_by(port) == ""
    record = spawn(tmp_path, port)
    await eventually(lambda: listeners.holds(record, port))
    assert not listeners.holds(processes.here("me"), port)
    assert f"pid {record.pid}" in listeners.held_by(port)
    assert listeners.held_by(port, besides=[record]) == ""
    await processes.stop(record)
    assert not listeners.holds(record, port)
    assert listeners.held_by(port) == ""


async def test_a_port_that_is_shared_is_held_by_neither(tmp_path: Path) -> None:
    """The kernel gives connections to either of two that share a port, so neither may be trusted with a secret."""
    port = free_port()
    record = spawn(tmp_path, port)
    await eventually(lambda: listeners.holds(record, port))
    with socket.socket() as second:
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        second.bind(("127.0.0.1", port))
        second.listen()
        assert not listeners.holds(record, port)
        assert f"pid {os.getpid()}" in listeners.held_by(port, besides=[record])
    await processes.stop(record)


async def test_a_listener_on_every_address_counts() -> None:
    """A listener on all addresses, of either family, accepts connections to loopback too."""
    me = processes.here("me")
    for host in ("0.0.0.0", "::"):
        port = free_port()
        async with await asyncio.start_server(lambda *_: None, host, port):
            assert listeners.holds(me, port)
