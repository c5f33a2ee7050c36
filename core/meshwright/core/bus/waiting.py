"""Retrying while the bus is unavailable.

Invariant: as for `core.retrying`; only BusUnavailable is retried.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from meshwright.core import retrying
from meshwright.core.bus.errors import BusUnavailable

T = TypeVar("T")


async def until_available(action: Callable[..., Awaitable[T]], *arguments: object, pause: float = 0.1) -> T:
    """Run the action, retrying every `pause` seconds while the bus is unavailable, and return its result."""
    return await retrying.until_available(
        action, *arguments, unavailable=BusUnavailable, pause=pause, longest_pause=pause
    )
