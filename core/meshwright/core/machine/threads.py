"""Blocking code in threads, for effects that may have to be taken back.

Problem: a thread cannot be cancelled. `asyncio.to_thread` ends at once when it is cancelled and its thread goes on, so
that the undo of a step may come before its effect. Invariant: when `in_thread` has ended, the function has returned.
"""

import asyncio
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What a function returns that runs in a thread; a cancellation takes effect once it has ended."""
    running = asyncio.ensure_future(asyncio.to_thread(functools.partial(function, *arguments, **named)))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return running.result()
    if not running.cancelled():
        running.exception()  # it has been seen; the cancellation is what the caller is told
    raise cancelled
