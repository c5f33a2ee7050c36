"""Waiting for the bus: retrying what it could not answer.

Invariant: as of `core.retrying`; only BusUnavailable is waited out.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from meshwright.core import retrying
from meshwright.core.bus.errors import BusUnavailable

T = TypeVar("T")


async def until_available(action: Callable[..., Awaitable[T]], *arguments: object, pause: float = 0.1) -> T:
    """The result of the action, which is retried every `pause` seconds while the bus is away."""
    return await retrying.until_available(
        action, *arguments, unavailable=BusUnavailable, pause=pause, longest_pause=pause
    )
