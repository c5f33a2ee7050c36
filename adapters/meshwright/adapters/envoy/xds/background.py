"""Loops that run in the background of a block.

Invariant: a loop ends when its block ends, and a loop that fails ends its block; leaving waits for the loop.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from meshwright.core.kit import tasks


@contextlib.asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a loop during the block; when the loop fails, so does the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            await tasks.end(task)
