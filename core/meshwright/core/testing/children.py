"""Starts a child process that ends with this process.

Problem: a test run that is killed must leave no server behind, and no exit handler runs on SIGKILL. Invariant: on Linux
the kernel itself kills the child when the thread that started it ends, so start servers from the main thread. Elsewhere
a killed run may leave children; a normal exit never does.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

PR_SET_PDEATHSIG = 1


class Process(Protocol):
    """What a server needs of its process, whether it runs here or in a container."""

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""

    def terminate(self) -> None:
        """Sends SIGTERM."""

    def kill(self) -> None:
        """Kills it (SIGKILL)."""


def start(command: Sequence[str], log: Path) -> Process:
    """Starts `command` with its output appended to `log`; it ends with this process."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),
        )


async def ended(process: Process, timeout: float) -> bool:
    """Waits up to `timeout` seconds for the end; False if it still runs."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while process.poll() is None:
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


def die_with_parent() -> Callable[[], None] | None:
    """The `preexec_fn` that ties a child to this process; None where the platform has none."""
    if sys.platform != "linux":
        return None
    # Loaded before the fork: between fork and exec it is not safe to take a lock or import.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before prctl took effect
            os._exit(1)

    return in_child
