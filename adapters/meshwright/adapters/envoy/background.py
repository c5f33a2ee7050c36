"""Loops that run beside other work.

Invariant: a loop ends when its block ends, and a loop that fails ends its block; leaving waits for the loop.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

_CANCEL_AGAIN_SECONDS = 3.0


@contextlib.asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a loop while the block runs; when the loop fails, so does the block."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        try:
            yield
        finally:
            # asyncio.wait_for of Python 3.11 can swallow a cancellation that arrives with its result.
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_CANCEL_AGAIN_SECONDS)
