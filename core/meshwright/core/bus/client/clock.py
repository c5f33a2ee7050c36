"""The server's clock: one time for all processes, independent of their own clocks.

Problem: a worker whose clock is an hour fast would time out every operation at once, and one whose clock is slow would
start operations that others have already timed out. Invariant: the time is the server's last answer plus the monotonic
time that has passed here since; the answer is at most ten seconds old while the server can be reached.
"""

import datetime
import json
import time

import nats.errors

from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.bus.errors import BusUnavailable
from meshwright.schemas import subjects

_RESYNC_S = 10.0
"""seconds between two queries of the server: a monotonic clock may run fast or slow"""
_REQUEST = f"STREAM.INFO.{subjects.COMMANDS.stream}"  # the answer holds the server's time


class ServerClock:
    """Seconds since 1970 as the server counts them."""

    def __init__(self, client: NatsClient) -> None:
        self._client = client
        self._asked_at = float("-inf")
        self._server_time = 0.0

    async def now(self) -> float:
        """The current time. While the server is unreachable: its last answer plus the time that has passed here since.

        Raises BusUnavailable when the server has never answered.
        """
        asked_at = time.monotonic()
        if asked_at - self._asked_at > _RESYNC_S:
            try:
                answer = await self._client.request(f"{self._client.js_api}.{_REQUEST}", b"", timeout=1.0)
                self._server_time = datetime.datetime.fromisoformat(json.loads(answer.data)["ts"]).timestamp()
                self._asked_at = asked_at
            except (nats.errors.Error, TimeoutError, KeyError, ValueError) as error:
                if not self._server_time:
                    raise BusUnavailable(f"the server's time cannot be read: {error!r}") from error
        return self._server_time + time.monotonic() - self._asked_at
