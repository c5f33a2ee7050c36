"""A process that makes network namespaces for pods, and sockets and processes inside them, for the test that asks.

Problem: only a process with one thread may make a user namespace, which is what gives the right to all this to
somebody who is not root. Invariant: run by itself, never imported; when the test ends or lets go of the connection,
this process ends, and the namespaces with it.

Requests and answers are JSON, one a packet; the answer to `socket` carries the socket.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from meshwright.core.testing import children

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
_LARGEST = 65_536
_GRACE_S = 5.0
_libc = ctypes.CDLL(None, use_errno=True)


class Namespaces:
    """The namespaces of pods by address, joined by a bridge in a namespace between them."""

    def __init__(self) -> None:
        _unshare()
        self._hub = _own()
        self._pods: dict[str, int] = {}
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        _ip("link set lo up", "link add br0 type bridge", "link set br0 up")

    def add(self, address: str, prefix: int) -> None:
        """A namespace for a pod."""
        name = f"pod{len(self._pods)}"
        _check(_libc.unshare(NEW_NETWORK))
        self._pods[address] = _own()
        _ip(
            "link set lo up",
            f"link add eth0 type veth peer name {name} netns /proc/{os.getpid()}/fd/{self._hub}",
            f"addr add {address}/{prefix} dev eth0",
            "link set eth0 up",
        )
        self._enter(self._hub)
        _ip(f"link set {name} master br0 up")

    def bound(self, pod: str, address: str, port: int) -> socket.socket:
        """A TCP socket of a pod that is bound; the test has no right to the ports below 1024, and this process has."""
        made = self.socket(pod)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((address, port))
        except OSError:
            made.close()
            raise
        return made

    def socket(self, address: str) -> socket.socket:
        """A TCP socket of a pod; it stays in the pod's namespace whoever uses it."""
        self._enter(self._pods[address])
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        finally:
            self._enter(self._hub)

    def run(self, address: str, command: list[str], log: str) -> int:
        """Start a program in a pod; its process id."""
        self._enter(self._pods[address])
        try:
            with Path(log).open("ab") as output:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    preexec_fn=children.die_with_parent(),
                )
        finally:
            self._enter(self._hub)
        self._running[process.pid] = process
        return process.pid

    def end(self, pid: int) -> None:
        """End a program, by force after five seconds; harmless when it was ended."""
        process = self._running.pop(pid, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def ended(self, pid: int) -> bool:
        """Whether a program has ended by itself."""
        return self._running[pid].poll() is not None

    def close(self) -> None:
        """End every program."""
        for pid in list(self._running):
            self.end(pid)

    def _enter(self, namespace: int) -> None:
        _check(_libc.setns(namespace, NEW_NETWORK))


def _unshare() -> None:
    """A network namespace of our own, in a user namespace of our own unless we have the right without one."""
    if _libc.unshare(NEW_NETWORK) == 0:
        return
    user, group = os.geteuid(), os.getegid()
    _check(_libc.unshare(NEW_USER | NEW_NETWORK))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _own() -> int:
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _ip(*lines: str) -> None:
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip: {done.stderr.strip()}")


def _answer(namespaces: Namespaces, asked: dict[str, Any]) -> tuple[Any, socket.socket | None]:
    arguments = asked["arguments"]
    result = getattr(namespaces, asked["what"])(*arguments)
    return (None, result) if isinstance(result, socket.socket) else (result, None)


def main(path: str) -> None:
    """Serve one test, which connects at this path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(1)
        connection, _ = listener.accept()
    with connection:
        try:
            namespaces = Namespaces()
        except OSError as error:
            connection.send(json.dumps({"error": str(error)}).encode())
            return
        connection.send(json.dumps({"value": None}).encode())
        try:
            while request := connection.recv(_LARGEST):
                try:
                    value, made = _answer(namespaces, json.loads(request))
                except OSError as error:
                    connection.send(json.dumps({"error": str(error)}).encode())
                    continue
                socket.send_fds(connection, [json.dumps({"value": value}).encode()], [made.fileno()] if made else [])
                if made:
                    made.close()
        finally:
            namespaces.close()


if __name__ == "__main__":
    main(sys.argv[1])
