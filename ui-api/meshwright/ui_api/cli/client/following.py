"""Following an operation to its end, across reconnects.

Problem: events are published before the stream is open, and while a connection is down. Invariant: the stream is always
resumed behind the last event that a snapshot or a frame contained, so no event is missed; a terminal event ends the
following, whatever else the API answers; Ctrl-C and `--timeout` end the following, never the operation, and print how
to resume it.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from meshwright.ui_api.cli.client import paths, sse
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit, RequestRefused, Unreachable
from meshwright.ui_api.cli.render.timeline import Line, Timeline

RESET = "reset"
_PATIENCE = 30.0
"""seconds that the API may be unavailable while an operation is followed"""
_PAUSE = 0.5
_LOOK = 1.0
"""seconds between two polls of an operation whose events cannot be followed"""
_LAST_LOOK = 5.0
"""seconds that the API has for the full history of an operation whose end is known"""
_TOO_MANY = 429
_QUIET = 45.0
_OVERTIME = 0.2
"""seconds by which `--timeout` may be exceeded because the server is quiet"""

Tell = Callable[[Timeline, list[Line]], None]


class Follow:
    """The following of one operation. `limit` is in seconds from now, None for ever."""

    def __init__(self, session: Session, operation: str, limit: float | None, tell: Tell) -> None:
        self._api = session.api
        self.operation = operation
        self._deadline = time.monotonic() + limit if limit is not None else None
        self._tell = tell
        self.timeline = Timeline()
        self._last = 0
        self._heard = 0.0

    def run(self) -> dict[str, Any]:
        """The operation when it has ended.

        Raises CommandFailed with STILL_RUNNING when the limit has passed, RequestRefused, Unreachable.
        """
        operation: dict[str, Any] = self._retried(self._snapshot)
        while not self._last:  # accepted a moment ago, and not visible yet
            time.sleep(_PAUSE / 5)
            operation = self._retried(self._snapshot)
        while not self.timeline.done:
            self._retried(self._stream)
            if not self.timeline.done:  # the connection ended, or events were left out
                operation = self._retried(self._snapshot)
        return operation if operation["done"] else self._whole(operation)

    def _whole(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation with all its steps, after its terminal event; without them if the API does not answer."""
        with contextlib.suppress(Unreachable, RequestRefused):
            operation = self._snapshot(within=_LAST_LOOK)
        return operation if operation["done"] else operation | self.timeline.ending

    def _snapshot(self, within: float | None = None) -> dict[str, Any]:
        if within is None and self._deadline is not None:
            within = self._quiet()
        operation: dict[str, Any] = self._api.get(paths.operation(self.operation), within=within)
        self._last = max(self._last, int(operation.get("last_seq") or 0))
        self._tell(self.timeline, self.timeline.learn_snapshot(operation))
        return operation

    def _stream(self) -> None:
        """Read events until the end, a reset, or the end of the connection."""
        try:
            self._read(self._quiet())
        except RequestRefused as error:
            if error.status != _TOO_MANY:
                raise
            time.sleep(_LOOK)  # the stream is not available now: the caller polls the operation

    def _read(self, quiet: float) -> None:
        params = {"operation": self.operation}
        with self._api.stream(paths.EVENTS, params, last_id=str(self._last), quiet=quiet) as frames:
            for frame in frames:
                self._heard = time.monotonic()
                self._in_time()
                if frame.id:
                    self._last = max(self._last, int(frame.id))
                if frame.kind == RESET:
                    return
                if frame.kind != sse.PING:
                    event = msgspec.json.decode(frame.data)
                    self._tell(self.timeline, self.timeline.learn_event(event["type"], event["time"], event["data"]))
                if self.timeline.done or quiet - self._quiet() > _OVERTIME:
                    return  # a silence now would last beyond the limit

    def _retried(self, attempt: Callable[[], Any]) -> Any:
        """Retry while the server is unavailable, for a bounded time."""
        away_since = 0.0
        while True:
            self._in_time()
            try:
                return attempt()
            except (Unreachable, RequestRefused) as error:
                if error.code is not Exit.UNAVAILABLE:
                    raise
                self._in_time()  # the stream was quiet until the limit: not an error of the server
                if not away_since or self._heard > away_since:  # it responded until now
                    away_since = time.monotonic()
                if time.monotonic() - away_since > _PATIENCE:
                    raise
                time.sleep(_PAUSE)

    def _quiet(self) -> float:
        if self._deadline is None:
            return _QUIET
        return min(_QUIET, max(0.05, self._deadline - time.monotonic()))

    def _in_time(self) -> None:
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise CommandFailed(
                f"operation {self.operation} is still running; it continues in the background",
                code=Exit.STILL_RUNNING,
                remedy=resume(self.operation),
            )


def resume(operation: str) -> str:
    """How to resume following an operation."""
    command = "meshwright operations"
    return f"`{command} watch {operation}` follows it again, `{command} cancel {operation}` stops it."


def events(
    session: Session, params: dict[str, Any], since: str, on_reset: Callable[[dict[str, Any]], None]
) -> Iterator[dict[str, Any]]:
    """Events for ever, across reconnects, behind `since` (empty: from now on).

    Raises RequestRefused, Unreachable when the API stays unavailable.
    """
    last, away_since = since, 0.0
    while True:
        try:
            with session.api.stream(paths.EVENTS, params, last_id=last) as frames:
                for frame in frames:
                    away_since = 0.0
                    last = frame.id or last
                    if frame.kind == sse.PING:
                        continue
                    event = msgspec.json.decode(frame.data)
                    if frame.kind == RESET:
                        on_reset(event)
                    else:
                        yield event
        except (Unreachable, RequestRefused) as error:
            away_since = away_since or time.monotonic()
            if error.code is not Exit.UNAVAILABLE or time.monotonic() - away_since > _PATIENCE:
                raise
        time.sleep(_PAUSE)
