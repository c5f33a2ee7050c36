"""Retrying while a server is unavailable.

Invariant: only repeatable actions are retried here; it ends with the result, with another error or with a cancellation.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


async def until_available(
    action: Callable[..., Awaitable[T]],
    *arguments: object,
    unavailable: type[Exception],
    pause: float,
    longest_pause: float,
    server: str = "",
) -> T:
    """Run the action, retrying while it raises `unavailable`, and return its result.

    The pause between two attempts starts at `pause` seconds and doubles up to `longest_pause`. With the name of a
    `server`, the log reports once when it becomes unavailable and when it answers again.
    """
    loop = asyncio.get_running_loop()
    since, has_failed = loop.time(), False
    while True:
        try:
            result = await action(*arguments)
        except unavailable as error:
            if server and not has_failed:
                log.warning("%s does not answer, retrying: %s", server, error)
            has_failed = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest_pause)
            continue
        if server and has_failed:
            log.info("%s answers again after %.1f s", server, loop.time() - since)
        return result
