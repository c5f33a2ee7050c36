"""The status of a connection, published as an event whenever it changes.

Invariant: the newest event of a connection is its current status; an unchanged status is not published again, also not
after a restart.
"""

import asyncio
import datetime
import logging
from collections.abc import Iterable, Mapping

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.bus.protocols import Bus
from meshwright.core.kit import kubernetes
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.discovery import ConnectionForgotten, ConnectionObserved, ConnectionStatus
from meshwright.schemas.errors import Failure
from meshwright.schemas.meshes import Condition
from meshwright.workers.discovery.seen import Seen
from meshwright.workers.discovery.selection import Kind

log = logging.getLogger(__name__)
_DEBOUNCE_S = 0.5
"""seconds to wait for further changes, since all watches of a cluster break at the same time"""
_PAUSE = 1.0
_NAMED = 5
_LONGEST = 2000
_REFUSED = {kubernetes.Unauthorized.code: "CredentialsRefused", kubernetes.Forbidden.code: "Forbidden"}
_THROTTLED = kubernetes.TooManyRequests.code
_AWAY = {
    kubernetes.Unavailable.code: "Unavailable",
    kubernetes.Unreachable.code: "Unreachable",
    kubernetes.InvalidConnection.code: "InvalidConnection",
}


class Status:
    """The status of one connection."""

    def __init__(self, bus: Bus, seen: Seen, version: int = 0) -> None:
        self._bus = bus
        self._version = version
        self._original = self._identity = ""
        """the cluster to which this version of the connection led at first, and the one that answers now"""
        self._seen = seen
        self._kinds: dict[Kind, Failure | None] = {}
        self._pending: set[Kind] = set()
        self._failure: Failure | None = None
        self._changed = asyncio.Event()

    def identified(self, identity: str) -> None:
        """Record which cluster answers; empty: its identity may not be read."""
        self._identity = identity
        self._changed.set()

    def watching(self, kinds: Iterable[Kind]) -> None:
        """Record the discovery of the cluster's API and the kinds that are watched."""
        wanted = set(kinds)
        self._failure = None
        self._pending = (self._pending & wanted) | (wanted - self._kinds.keys())
        self._kinds = {kind: failure for kind, failure in self._kinds.items() if kind in wanted}
        self._changed.set()

    def tell(self, kind: Kind, failure: Failure | None) -> bool:
        """Record that a kind is synced, or the failure of its watch; whether it is synced after a failure."""
        before = self._kinds.get(kind)
        self._pending.discard(kind)
        self._kinds[kind] = failure
        self._changed.set()
        return before is not None and failure is None

    def failed(self, failure: Failure) -> None:
        """Record a failure of the whole connection."""
        self._failure = failure
        self._changed.set()

    async def run(self) -> None:
        """Publish changes until cancelled."""
        last = await mwbus.until_available(self._last)
        if last and last.version == self._version:
            self._original = last.cluster
        while True:
            await self._changed.wait()
            await asyncio.sleep(_DEBOUNCE_S)
            self._changed.clear()
            if not self._kinds and self._failure is None:
                continue
            now = datetime.datetime.now(datetime.UTC)
            self._original = self._original or self._identity
            current = conditions(self._kinds, self._pending, self._failure)
            status = ConnectionStatus(
                id=self._seen.connection,
                conditions=[*current, *replaced(self._original, self._identity)],
                resources=self._seen.count,
                cluster=self._original,
                version=self._version,
                observed_at=now,
            )
            if last is None or _lasting(last) != _lasting(status):
                await mwbus.until_available(self._publish, ConnectionObserved(status=status))
                last = status

    async def forget(self) -> None:
        """Publish the removal of the status, unless none was published. Raises BusUnavailable."""
        if await self._last() is not None:
            await self._publish(ConnectionForgotten(id=self._seen.connection))

    async def _last(self) -> ConnectionStatus | None:
        message = await self._bus.last(subjects.EVENTS.stream, self._subject)
        if message is None or message.type != ConnectionObserved.wire.name:
            return None
        return msgspec.json.decode(message.payload, type=ConnectionObserved).status

    async def _publish(self, message: Message) -> None:
        about = f"connections/{self._seen.connection}"
        while True:
            try:
                await self._bus.publisher.publish(self._subject, message, about=about)
            except mwbus.BusFull as error:
                log.warning("waiting to publish the status of connection %s: %s", self._seen.connection, error)
                await asyncio.sleep(_PAUSE)
            else:
                return

    @property
    def _subject(self) -> str:
        return subjects.fill(
            subjects.EVENTS,
            workspace=self._seen.workspace,
            origin=subjects.DISCOVERY,
            entity=ConnectionObserved.wire.entity,
            id=self._seen.connection,
        )


def _lasting(status: ConnectionStatus) -> tuple[object, ...]:
    """What a status is published for; the count of objects and the time change all the time."""
    return status.conditions, status.cluster, status.version


def replaced(original: str, identity: str) -> list[Condition]:
    """The condition that another cluster answers than at first, as far as both are known."""
    if identity in ("", original):
        return []
    message = (
        f"another cluster answers: its namespace kube-system has the UID {identity}, and had {original} when the"
        " connection was written. What was installed or applied there is not here; `meshwright connections set`"
        " accepts this one."
    )
    return [Condition(type="Replaced", status="True", reason="AnotherCluster", message=message)]


def conditions(
    kinds: Mapping[Kind, Failure | None], pending: Iterable[Kind], failure: Failure | None
) -> list[Condition]:
    """The conditions of a cluster from the states of all its watches; `failure` is one of the whole connection."""
    failures: dict[str, Failure] = {_name(kind): one for kind, one in kinds.items() if one is not None}
    if failure is not None:
        failures[""] = failure
    away = {what: one for what, one in failures.items() if one.code in _AWAY}
    refused = {what: one for what, one in failures.items() if one.code in _REFUSED}
    throttled = {what: one for what, one in failures.items() if one.code == _THROTTLED}
    waiting = sorted(map(_name, pending))
    listed = [
        _condition("Reachable", bad=away, reason=_AWAY, good="Answering"),
        _condition("Authorized", bad=refused, reason=_REFUSED, good="Accepted", unknown=bool(away)),
    ]
    if throttled:
        listed.append(Condition(type="Throttled", status="True", reason="TooManyRequests", message=_told(throttled)))
    if failures:
        listed.append(Condition(type="Synced", status="False", reason="Interrupted", message=_told(failures)))
    elif waiting:
        listed.append(Condition(type="Synced", status="False", reason="Listing", message=_some(waiting)))
    else:
        listed.append(Condition(type="Synced", status="True", reason="Watching", message=f"{len(kinds)} kinds"))
    return listed


def _condition(
    type: str, *, bad: Mapping[str, Failure], reason: Mapping[str, str], good: str, unknown: bool = False
) -> Condition:
    if bad:
        first = next(iter(bad.values()))
        return Condition(type=type, status="False", reason=reason[first.code], message=_told(bad))
    if unknown:
        return Condition(type=type, status="Unknown")
    return Condition(type=type, status="True", reason=good)


def _told(failures: Mapping[str, Failure]) -> str:
    first = next(iter(failures.values()))
    named = sorted(filter(None, failures))
    about = f"{_some(named)}: " if named else ""
    return f"{about}{first.what}"[:_LONGEST]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _name(kind: Kind) -> str:
    return f"{kind[1]}.{kind[0]}" if kind[0] else kind[1]
