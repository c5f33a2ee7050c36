"""Patience: what is asked of the bus until it answers.

Invariant: only what may be asked again is asked here; it ends with the answer or with a cancellation.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from meshwright.core.bus.errors import BusUnavailable

T = TypeVar("T")


async def patiently(action: Callable[..., Awaitable[T]], *arguments: object, pause: float = 0.1) -> T:
    """The answer, however long the bus is away; `pause` seconds lie between two tries."""
    while True:
        try:
            return await action(*arguments)
        except BusUnavailable:
            await asyncio.sleep(pause)
