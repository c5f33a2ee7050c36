"""Retrying while the database is unavailable.

Invariant: as for `core.retrying`; only StoreUnavailable is retried.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from meshwright.core import retrying
from meshwright.core.store.errors import StoreUnavailable

T = TypeVar("T")


async def until_available(action: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Run the action, retrying while the database is unavailable, and return its result; the outage is logged once."""
    return await retrying.until_available(
        action, *arguments, unavailable=StoreUnavailable, pause=0.05, longest_pause=1.0, server="the database"
    )
