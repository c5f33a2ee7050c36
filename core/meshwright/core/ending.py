"""Cancelling tasks reliably.

Problem: before Python 3.12 `asyncio.wait_for`, which the NATS client uses inside, drops a cancellation that arrives
together with its result; a task that was cancelled once may then run for ever. Invariant: `end` cancels again until
every task has ended.
"""

import asyncio
from typing import Any

_AGAIN = 0.25


async def end(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel these tasks and wait until they have ended; their results and errors stay in the tasks."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN)


def first_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first exception that is not a group, in nested exception groups."""
    inner = group.exceptions[0]
    return first_error(inner) if isinstance(inner, BaseExceptionGroup) else inner
