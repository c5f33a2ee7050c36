"""Ending tasks for certain.

Problem: before Python 3.12 `asyncio.wait_for`, which the NATS client uses inside, drops a cancellation that arrives
together with its result; a task cancelled once may then run for ever. Invariant: `end` returns only when every task
has ended, and asks again until it has.
"""

import asyncio
from typing import Any

_AGAIN = 0.25


async def end(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel these tasks and wait until they have ended; their results and errors stay theirs."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN)


def first_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first error that is no group, of task groups that ended within each other."""
    inner = group.exceptions[0]
    return first_error(inner) if isinstance(inner, BaseExceptionGroup) else inner
