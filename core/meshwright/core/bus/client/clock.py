"""The server's clock: one time for all processes, whatever their own clocks say.

Problem: a worker whose clock is an hour ahead would end every operation at once as too late, and one whose clock is
behind would begin what others have given up. Invariant: time is what the server last said plus what this process's
monotonic clock has counted since, at most ten seconds.
"""

import datetime
import json
import time

import nats.errors

from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.bus.errors import BusUnavailable
from meshwright.schemas import subjects

_KEPT = 10.0
"""seconds after which the server is asked again: a monotonic clock may run fast or slow"""
_REQUEST = f"STREAM.INFO.{subjects.COMMANDS.stream}"  # its answer tells the time, and asks little of the server


class ServerClock:
    """Seconds since 1970 as the server counts them."""

    def __init__(self, client: NatsClient) -> None:
        self._client = client
        self._asked_at = float("-inf")
        self._told = 0.0

    async def now(self) -> float:
        """The time. While the server is away, what it was plus what has passed here since.

        Raises BusUnavailable when the server has never told it.
        """
        asked_at = time.monotonic()
        if asked_at - self._asked_at > _KEPT:
            try:
                answer = await self._client.request(f"{self._client.js_api}.{_REQUEST}", b"", timeout=1.0)
                self._told = datetime.datetime.fromisoformat(json.loads(answer.data)["ts"]).timestamp()
                self._asked_at = asked_at
            except (nats.errors.Error, TimeoutError, KeyError, ValueError) as error:
                if not self._told:
                    raise BusUnavailable(f"the server's time cannot be read: {error!r}") from error
        return self._told + time.monotonic() - self._asked_at
