"""All connections of this process: their maximum number, their time-outs, and which is closed for a new one.

Problem: a connection costs its client nothing and this process a file, so a few silent ones could lock all others out.
Invariant: there are never more than `most`, and a new connection is admitted as long as some other one waits for its
client: first the oldest that never sent a valid token is closed, then the one that is idle longest. A connection whose
request is being handled (event streams too) is never closed for another one. A connection that keeps this process
waiting is closed.
"""

import asyncio
import logging
import resource
import time
from typing import Literal, Protocol, TypeAlias

from meshwright.core.telemetry.allowance import Allowance
from meshwright.core.telemetry.metrics import Registry

log = logging.getLogger(__name__)
MOST = 8192
"""the maximum number of connections, unless a setting or the limit of open files is lower"""
FILES_KEPT = 200
"""number of files that are reserved for everything but connections: NATS, MongoDB, logs"""
_UNLIMITED = 2**20
_SWEEP_S = 0.5

Reason: TypeAlias = Literal["head-timeout", "rest-timeout", "idle", "unread", "displaced"]
"""Why the server closed a connection: its request did not arrive, the rest of a request that was already answered
did not arrive, it was idle, its response was not read, or its slot was needed for another one."""


class Waiting(Protocol):
    """The part of a connection that this module uses."""

    authenticated: bool

    def end(self, reason: Reason) -> None:
        """Close it."""

    def overdue(self, now: float) -> Reason | None:
        """The reason to close it now, if there is one."""


class Connections:
    """Every open connection. Run `sweep` concurrently."""

    def __init__(self, registry: Registry, most: int = MOST) -> None:
        self.most = most
        self._open: set[Waiting] = set()
        # a dict keeps its order: the first is the one that has waited longest
        self._strangers: dict[Waiting, None] = {}
        self._known: dict[Waiting, None] = {}
        self._gauge = registry.gauge("meshwright_http_connections", "Open connections")
        self._refused = registry.counter("meshwright_http_connections_refused_total", "Connections without a place")
        self._closed = registry.counter(
            "meshwright_http_connections_closed_total", "Connections closed from here, by the reason", "reason"
        )
        registry.gauge("meshwright_http_connections_limit", "Connections that may be open").set(to=most)
        self._told = Allowance(burst=5, per_second=0.1)

    def admit(self, one: Waiting) -> bool:
        """Admit a new connection; False when no other one can be closed for it."""
        if len(self._open) >= self.most:
            oldest = next(iter(self._strangers or self._known), None)
            if oldest is None:
                self._refused.add()
                self._tell("a connection was refused: %d are open, all of them busy", self.most)
                return False
            self.close(oldest, "displaced")
            self.left(oldest)
        self._open.add(one)
        self._gauge.set(to=len(self._open))
        self.waits(one)
        return True

    def left(self, one: Waiting) -> None:
        """Remove a closed connection."""
        self.works(one)
        self._open.discard(one)
        self._gauge.set(to=len(self._open))

    def waits(self, one: Waiting) -> None:
        """Mark it as waiting for its client: it may be closed for another one."""
        if one in self._open:
            (self._known if one.authenticated else self._strangers)[one] = None

    def works(self, one: Waiting) -> None:
        """Mark it as busy: it is not closed for another one."""
        self._strangers.pop(one, None)
        self._known.pop(one, None)

    def close(self, one: Waiting, reason: Reason) -> None:
        """Close a connection, with a metric and a log line."""
        self._closed.add(reason)
        if reason != "idle":
            self._tell("a connection was closed: %s; %d are open", reason, len(self._open))
        one.end(reason)

    async def sweep(self) -> None:
        """Close the connections that keep this process waiting too long; until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = time.monotonic()
            for one in list(self._open):
                if (reason := one.overdue(now)) is not None:
                    self.close(one, reason)

    def _tell(self, text: str, *values: object) -> None:
        skipped = self._told.take(text)
        if skipped is not None:
            log.warning(text, *values, extra={"left_out": skipped} if skipped else {})


def places(wanted: int | None) -> int:
    """Raise this process's limit of open files, and return for how many connections it has room.

    `wanted` None: as many as there is room for, at most `MOST`. Raises OSError when that many cannot be opened.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _UNLIMITED if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    room = files - FILES_KEPT
    if room < 1 or (wanted or 0) > room:
        raise OSError(
            f"this process may open {files} files, which leaves {max(room, 0)} connections: "
            "raise the limit (ulimit -n) or lower MESHWRIGHT_API_CONNECTIONS"
        )
    return wanted or min(MOST, room)
