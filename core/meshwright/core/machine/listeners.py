"""Which process listens on a TCP port of this host, read from the kernel.

Problem: an answer at a port does not prove which process answers: another process may have taken the port first, and
would be sent secrets. Invariant: the result comes from /proc alone, no connection is made; a process holds a port only
when every socket that could accept a connection to 127.0.0.1 there is its own. Linux only.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from meshwright.core.machine import processes

_PROC = Path("/proc")
_TABLES = ("net/tcp", "net/tcp6")
_LISTENING = "0A"  # the state TCP_LISTEN in the kernel's tables
_TAKES_LOOPBACK = {
    "00000000",
    "0100007F",
    "0" * 32,
    "0000000000000000FFFF00000100007F",
}
"""local addresses as the kernel writes them: any, 127.0.0.1, any of IPv6, and 127.0.0.1 mapped into IPv6"""


def holds(record: processes.Record, port: int) -> bool:
    """Whether the recorded process, and no other, accepts connections to 127.0.0.1 at that port."""
    sockets = _listening(port)
    return bool(sockets) and processes.alive(record) and sockets <= _sockets_of(record.pid)


def held_by(port: int, *, besides: Iterable[processes.Record] = ()) -> str:
    """The name of the process that listens at that port, for messages; empty when no process but `besides` does."""
    sockets = _listening(port)
    for record in besides if sockets else ():
        if processes.alive(record):
            sockets -= _sockets_of(record.pid)
    if not sockets:
        return ""
    pids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    holder = next((processes.of(pid) for pid in pids if sockets & _sockets_of(pid)), None)
    return f"{holder.name} (pid {holder.pid})" if holder else "a program of another user, or one that is exiting"


def _listening(port: int) -> set[int]:
    """The inodes of the sockets that accept connections to 127.0.0.1 at that port."""
    sockets = set()
    for table in _TABLES:
        with contextlib.suppress(OSError):  # a kernel without IPv6 has no second table
            for line in (_PROC / "self" / table).read_text().splitlines()[1:]:
                fields = line.split()
                address, _, number = fields[1].partition(":")
                if fields[3] == _LISTENING and int(number, 16) == port and address in _TAKES_LOOPBACK:
                    sockets.add(int(fields[9]))
    return sockets


def _sockets_of(pid: int) -> set[int]:
    sockets = set()
    with contextlib.suppress(OSError):  # the process has ended or belongs to another user
        for entry in os.scandir(_PROC / str(pid) / "fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(entry.path)  # noqa: PTH115 - a socket's target is no path
                if target.startswith("socket:["):
                    sockets.add(int(target[8:-1]))
    return sockets
