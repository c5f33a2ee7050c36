"""What every process shares: an instance name and graceful shutdown on signals.

Invariant: SIGTERM and SIGINT end the work, which then closes its resources; nothing keeps running afterwards.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator

from meshwright.core import ending, ids
from meshwright.core.bus.errors import BusUnavailable


def instance() -> str:
    """A unique name of this process, with host and pid for people."""
    return f"{socket.gethostname().split('.')[0][:40]}-{os.getpid()}-{ids.fresh()[-6:]}"


def tune_garbage_collector() -> None:
    """Run the garbage collector less often: there are many live objects and hardly any cycles.

    By default it walks all live objects after a few thousand new ones, which takes a third of the projector's CPU.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@contextlib.contextmanager
def one_line_errors(program: str) -> Iterator[None]:
    """Report several tasks that ended because NATS was unavailable as one line, without a traceback of each."""
    try:
        yield
    except BaseExceptionGroup as group:
        if group.split(BusUnavailable)[1] is not None:
            raise
        sys.exit(f"{program}: {ending.first_error(group)}")


def stop_signal() -> asyncio.Event:
    """An event that is set by SIGTERM or SIGINT; for work that drains before it ends."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def until_signalled(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until it returns or SIGTERM or SIGINT arrives. Raises what `work` raises."""
    signalled = asyncio.create_task(stop_signal().wait())
    working = asyncio.ensure_future(work())
    await asyncio.wait({working, signalled}, return_when=asyncio.FIRST_COMPLETED)
    await ending.end(working, signalled)
    if not working.cancelled():
        working.result()
