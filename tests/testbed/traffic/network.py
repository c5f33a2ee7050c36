"""The network of the pods of one test: their addresses, sockets that belong to them, and programs that run in them.

Invariant: nothing outside of it can reach a pod, and no pod anything outside; files are the only way between.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from meshwright.core.testing import children
from meshwright.core.testing.eventually import eventually

_PREFIX = 16
_LARGEST = 65_536
_WITHIN = 30.0
_PROGRAM = Path(__file__).with_name("namespaces.py")


class Refused(Exception):
    """This machine does not let us make network namespaces; the message says why and what would."""


class PodNetwork:
    """Use `PodNetwork.open`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["PodNetwork"]:
        """A network that lasts as long as the block. Raises Refused."""
        if shutil.which("ip") is None:
            raise Refused("network namespaces are set up by `ip`: install iproute2")
        path = folder / "network"
        process = children.start([sys.executable, "-P", str(_PROGRAM), str(path)], folder / "network.log")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.settimeout(_WITHIN)
                await eventually(lambda: _connected(connection, path))
                told = json.loads(await asyncio.to_thread(connection.recv, _LARGEST))
                if "error" in told:
                    raise Refused(
                        f"network namespaces cannot be made here ({told['error']}): run as root, or allow unprivileged "
                        "user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
                    )
                yield cls(connection)
        finally:
            if not await children.ended(process, 10):  # it ends by itself when the connection does
                process.kill()
                await children.ended(process, 10)

    async def add(self, address: str) -> None:
        """Give a pod its address and a loopback of its own."""
        await self._ask("add", address, _PREFIX)

    def bound(self, pod: str, address: str, port: int) -> socket.socket:
        """A TCP socket in a pod that is bound to an address there, and to any port, also one below 1024."""
        return self._made("bound", pod, address, port)

    def _made(self, what: str, *arguments: Any) -> socket.socket:
        _, files = self._exchange(what, *arguments)
        made = socket.socket(fileno=files[0])
        made.setblocking(False)
        return made

    def socket(self, address: str) -> socket.socket:
        """A TCP socket in a pod, neither bound nor connected; it takes a fraction of a millisecond."""
        return self._made("socket", address)

    async def run(self, address: str, command: Sequence[str], log: Path) -> int:
        """Start a program in a pod; its process id."""
        return int(await self._ask("run", address, list(command), str(log)))

    async def end(self, pid: int) -> None:
        """End a program, by force after five seconds."""
        await self._ask("end", pid)

    async def ended(self, pid: int) -> bool:
        """Whether a program has ended by itself."""
        return bool(await self._ask("ended", pid))

    async def _ask(self, what: str, *arguments: Any) -> Any:
        return (await asyncio.to_thread(self._exchange, what, *arguments))[0]

    def _exchange(self, what: str, *arguments: Any) -> tuple[Any, list[int]]:
        with self._turn:
            self._connection.send(json.dumps({"what": what, "arguments": arguments}).encode())
            answer, files, _, _ = socket.recv_fds(self._connection, _LARGEST, 1)
        if not answer:
            raise ConnectionError("the process of the network namespaces has ended; its log is network.log")
        told = json.loads(answer)
        if "error" in told:
            raise OSError(told["error"])
        return told["value"], files


def _connected(connection: socket.socket, path: Path) -> bool:
    connection.connect(str(path))
    return True
