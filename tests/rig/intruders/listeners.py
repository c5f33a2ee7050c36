"""The addresses at which the processes of a stack can be reached on this host: read from the kernel.

Invariant: a socket belongs to the process that holds it open; every process with the stack's marker is included.
"""

import contextlib
import socket
import stat
import struct
from pathlib import Path

import msgspec

from meshwright.core.machine import processes
from meshwright.core.machine.processes import Record

_PROC = Path("/proc")
_LISTENS = "0A"
"""state of a TCP socket in /proc/net/tcp"""
_ACCEPTS = 0x10000
"""flag of a Unix socket in /proc/net/unix"""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Something that listens: a TCP port (`host` and `port`) or a Unix socket (`path`)."""

    process: str
    pid: int
    host: str = ""
    port: int = 0
    path: str = ""


def of(everything: list[Record]) -> list[Listener]:
    """Every listener of these processes."""
    tcp, unix = _tcp(), _unix()
    collected = set()
    for record in everything:
        for inode in _sockets(record.pid):
            if inode in tcp:
                host, port = tcp[inode]
                collected.add((record.name, record.pid, host, port, ""))
            elif inode in unix:
                collected.add((record.name, record.pid, "", 0, unix[inode]))
    return [
        Listener(process=name, pid=pid, host=host, port=port, path=path)
        for name, pid, host, port, path in sorted(collected)
    ]


def marked(marker: str) -> list[Record]:
    """The processes of a stack."""
    return processes.matching("environ", marker)


def open_files(everything: list[Record]) -> set[Path]:
    """The regular files that these processes hold open for writing."""
    collected = set()
    for record in everything:
        for link in _descriptors(record.pid):
            with contextlib.suppress(OSError):
                path = link.readlink()
                if path.is_absolute() and stat.S_ISREG(path.stat().st_mode) and link.lstat().st_mode & stat.S_IWUSR:
                    collected.add(path)
    return collected


def _descriptors(pid: int) -> list[Path]:
    try:
        return list((_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return []


def _sockets(pid: int) -> set[str]:
    collected = set()
    for link in _descriptors(pid):
        with contextlib.suppress(OSError):
            target = str(link.readlink())
            if target.startswith("socket:["):
                collected.add(target[8:-1])
    return collected


def _tcp() -> dict[str, tuple[str, int]]:
    """Address by inode of every listening TCP socket."""
    result = {}
    for family, name in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in (_PROC / "net" / name).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS:
                address, _, port = fields[1].partition(":")
                words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
                host = socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))  # words of the machine's order
                result[fields[9]] = (host, int(port, 16))
    return result


def _unix() -> dict[str, str]:
    """Path by inode of every listening Unix socket; `@` begins one that has no file."""
    result = {}
    for line in (_PROC / "net" / "unix").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[3], 16) & _ACCEPTS and len(fields) > 7:
            result[fields[6]] = fields[7]
    return result
