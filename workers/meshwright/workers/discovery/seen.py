"""The objects of one connection as the stream holds them, and publishing their changes.

Problem: a worker that starts has no state, a paused one has a stale state, and an object that is created again under
its old name has a removal as its last message. Invariant: an object's next message is stored only behind the last one
that this worker has read (expected sequence); a removal is published once, and a removed UID is never published as
present again.
"""

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.bus.protocols import Bus
from meshwright.core.bus.stream.publishing import Outgoing
from meshwright.core.telemetry.metrics import Counter
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.discovery import REMOVED_KEPT, ResourceObserved, ResourceRemoved, resource_id, resource_token
from meshwright.schemas.references import ResourceRef
from meshwright.workers.discovery import objects

if TYPE_CHECKING:
    from meshwright.core.kit.kubernetes import Item

log = logging.getLogger(__name__)
STREAM = subjects.SEEN.stream
_POLICY = "policy"
_PATIENCE = 10.0
_PAUSE = 1.0

Read: TypeAlias = Callable[[str, int], Awaitable[Sequence[mwbus.Received]]]
"""the first messages of a subject at a sequence or later; none when there are no more"""


class Fenced(Exception):
    """Another process has written: this worker's state differs from the stream."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """The last message of a present object. `version` is empty when it has to be published again."""

    uid: str
    version: str
    seq: int


class _Pending(msgspec.Struct, frozen=True):
    """A message to store, and the object's entry once it is stored."""

    ref: ResourceRef
    outgoing: Outgoing
    uid: str
    version: str


class _Summary(msgspec.Struct, frozen=True):
    group: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""


class _Published(msgspec.Struct, frozen=True):
    resource: _Summary


class Seen:
    """The known objects of one connection. Only one task at a time may change the entry of an object."""

    def __init__(self, bus: Bus, read: Read, workspace: str, connection: str, published: Counter | None = None) -> None:
        self._bus = bus
        self._read = read
        self._told = published
        self.workspace = workspace
        self.connection = connection
        self._known: dict[tuple[str, str], dict[ResourceRef, Entry]] = {}

    async def load(self) -> None:
        """Read the stream's content. Raises BusUnavailable."""
        self._known = {}
        subject = subjects.fill(subjects.SEEN, workspace=self.workspace, connection=self.connection)
        seq = 1
        while messages := await self._read(subject, seq):
            seq = messages[-1].seq + 1
            for message in messages:
                self._learn(message)

    def kinds(self) -> list[tuple[str, str]]:
        """Group and kind of every present object."""
        return [kind for kind, entries in self._known.items() if entries]

    def of(self, group: str, kind: str) -> list[ResourceRef]:
        """The present objects of a kind."""
        return list(self._known.get((group, kind), {}))

    @property
    def count(self) -> int:
        """The number of present objects."""
        return sum(map(len, self._known.values()))

    async def apply(self, changes: Sequence["Item | ResourceRef"]) -> None:
        """Publish objects as they are now, and the removal of those given by reference, unless already published.
        Raises Fenced.

        Of several changes of one object the last one counts, as in the stream.
        """
        last = {change if isinstance(change, ResourceRef) else change.ref: change for change in changes}
        pending = [one for ref, change in last.items() if (one := self._pending(ref, change)) is not None]
        if len(pending) > 1 and await self._published_as_batch(pending):
            return
        for one in pending:
            self._record(one, await self._publish(one))

    def _pending(self, ref: ResourceRef, change: "Item | ResourceRef") -> "_Pending | None":
        entry = self._entry(ref)
        if isinstance(change, ResourceRef):
            if entry is None:
                return None
            removed = ResourceRemoved(
                id=resource_id(self.connection, ref),
                connection=self.connection,
                group=ref.group,
                kind=ref.kind,
                namespace=ref.namespace,
                name=ref.name,
                uid=entry.uid,
            )
            return _Pending(ref, self._outgoing(ref, removed, entry), entry.uid, "")
        if entry is not None and (entry.uid, entry.version) == (change.uid, change.version):
            self._keep(ref, Entry(change.uid, change.version, entry.seq))  # the watch's own texts, and no copies
            return None
        resource = objects.resource(self.connection, change, datetime.datetime.now(datetime.UTC))
        outgoing = self._outgoing(ref, ResourceObserved(resource=resource), entry)
        return _Pending(ref, outgoing, change.uid, change.version)

    def _outgoing(self, ref: ResourceRef, message: Message, entry: Entry | None) -> Outgoing:
        return Outgoing(
            subject=subjects.fill(
                subjects.SEEN, workspace=self.workspace, connection=self.connection, id=resource_token(ref)
            ),
            message=message,
            about=f"resources/{resource_id(self.connection, ref)}",
            id=ids.fresh(),
            expected_last=entry.seq if entry else 0,
            kept=REMOVED_KEPT if isinstance(message, ResourceRemoved) else 0,
            extensions={_POLICY: objects.POLICY},
        )

    async def _published_as_batch(self, pending: "Sequence[_Pending]") -> bool:
        """Whether all were stored as one batch.

        Otherwise each is published by itself under the same id, which finds the cause.
        """
        try:
            acks = await self._bus.publisher.publish_all([one.outgoing for one in pending], _PATIENCE)
        except (mwbus.Conflict, mwbus.BusUnavailable) as error:
            log.debug("publishing %d objects one by one: %s", len(pending), error)
            return False
        for one, seq in zip(pending, acks, strict=True):
            self._record(one, seq)
        return True

    def _record(self, one: "_Pending", seq: int) -> None:
        """Record the stored message; sequence 0 means that it was not stored because the object is removed."""
        if isinstance(one.outgoing.message, ResourceRemoved):
            del self._known[one.ref.group, one.ref.kind][one.ref]
        elif seq:
            self._keep(one.ref, Entry(one.uid, one.version, seq))
        if self._told is not None and seq:
            self._told.add(one.outgoing.message.wire.name.split(".")[-2])

    def _entry(self, ref: ResourceRef) -> Entry | None:
        return self._known.get((ref.group, ref.kind), {}).get(ref)

    def _keep(self, ref: ResourceRef, entry: Entry) -> None:
        """Remember an object by this very reference."""
        entries = self._known.setdefault((ref.group, ref.kind), {})
        entries.pop(ref, None)
        entries[ref] = entry

    def _learn(self, message: mwbus.Received) -> None:
        if message.type != ResourceObserved.wire.name:
            return
        try:
            resource = msgspec.json.decode(message.payload, type=_Published).resource
        except msgspec.DecodeError as error:
            log.error("%s cannot be read: %s", message.subject, error)
            return
        is_current = message.headers.get(f"ce-{_POLICY}") == objects.POLICY
        version = resource.resource_version if is_current else ""
        ref = ResourceRef(group=resource.group, kind=resource.kind, namespace=resource.namespace, name=resource.name)
        self._keep(ref, Entry(resource.uid, version, message.seq))

    async def _publish(self, one: "_Pending") -> int:
        """Publish one message, waiting for the bus; returns its sequence, 0 when the object with that UID is removed.

        Raises Fenced.
        """
        out = one.outgoing
        expected = out.expected_last
        while True:
            try:
                ack = await self._bus.publisher.publish(
                    out.subject,
                    out.message,
                    about=out.about,
                    id=out.id,
                    expected_last=expected,
                    kept=out.kept,
                    extensions=out.extensions,
                    timeout=_PATIENCE,
                )
            except mwbus.Conflict as conflict:
                if expected:
                    raise Fenced(f"{out.subject} was written by another process") from conflict
                before = await self._removal(out.subject)
                if before.uid == one.uid:
                    return 0
                expected = before.seq
            except mwbus.BusUnavailable as error:
                log.warning("waiting to publish %s: %s", one.ref, error)
                await asyncio.sleep(_PAUSE)
            else:
                return ack.seq

    async def _removal(self, subject: str) -> Entry:
        """The last message of an object, which must be a removal. Raises Fenced."""
        while True:
            try:
                last = await self._bus.last(STREAM, subject)
            except mwbus.BusUnavailable as error:
                log.warning("waiting to read %s: %s", subject, error)
                await asyncio.sleep(_PAUSE)
                continue
            if last is None:
                return Entry("", "", 0)  # it has just expired
            if last.type != ResourceRemoved.wire.name:
                raise Fenced(f"{subject} was written by another process")
            return Entry(msgspec.json.decode(last.payload, type=_Summary).uid, "", last.seq)
