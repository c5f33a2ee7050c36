"""Waiting for the database: retrying what it could not answer.

Invariant: as of `core.retrying`; only StoreUnavailable is waited out.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from meshwright.core import retrying
from meshwright.core.store.errors import StoreUnavailable

T = TypeVar("T")


async def until_available(action: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """The result of the action, which is retried while the database is away; the log tells that once."""
    return await retrying.until_available(
        action, *arguments, unavailable=StoreUnavailable, pause=0.05, longest_pause=1.0, server="the database"
    )
