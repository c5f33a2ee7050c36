"""The only wait in tests.

Problem: a fixed sleep is too long on a fast machine and too short on a busy one. Invariant: a wait ends as soon as its
condition holds, and a failed wait reports the last value.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast, overload

T = TypeVar("T")


class NeverHappenedError(AssertionError):
    """The condition did not hold in time."""


@overload
async def eventually(check: Callable[[], Awaitable[T]], timeout: float = 30, interval: float = 0.02) -> T: ...
@overload
async def eventually(check: Callable[[], T], timeout: float = 30, interval: float = 0.02) -> T: ...


async def eventually(check: Callable[[], Awaitable[T] | T], timeout: float = 30, interval: float = 0.02) -> T:
    """Calls `check` (sync or async) until it returns something truthy, and returns that.

    An exception means "not yet". After `timeout` seconds NeverHappenedError reports the last value or exception (which
    is its cause); `interval` is the pause between two calls, in seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    seen, cause = "nothing: the first call did not return", None
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                answer = check()
                value = cast(T, await answer) if inspect.isawaitable(answer) else answer
            if value:
                return value
            seen, cause = f"the value {value!r}", None
        except Exception as error:
            if not (isinstance(error, TimeoutError) and loop.time() >= deadline):
                seen, cause = f"{type(error).__name__}: {error}", error
        if loop.time() + interval > deadline:
            raise NeverHappenedError(f"not within {timeout} s; last seen was {seen}") from cause
        await asyncio.sleep(interval)
