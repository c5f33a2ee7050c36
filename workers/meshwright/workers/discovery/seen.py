"""What the stream holds of one connection, and every change of it.

Problem: a worker that starts knows nothing, one that was paused writes what it knew then, and an object that comes
back under its old name finds the word on its end in its place. Invariant: an object's next message is stored only
behind the one that this worker knows to be the last; what is gone is told once and never told as being there again,
by its UID.
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
    """Somebody else has written: what this worker knows is not what the stream holds."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """The last message of an object that is there. `version` is empty when it has to be told again."""

    uid: str
    version: str
    seq: int


class _Pending(msgspec.Struct, frozen=True):
    """A message to store, and what is known of its object then."""

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


class _Told(msgspec.Struct, frozen=True):
    resource: _Summary


class Seen:
    """What is known of the objects of one connection. One task at a time changes what is known of one object."""

    def __init__(self, bus: Bus, read: Read, workspace: str, connection: str, published: Counter | None = None) -> None:
        self._bus = bus
        self._read = read
        self._told = published
        self.workspace = workspace
        self.connection = connection
        self._known: dict[tuple[str, str], dict[tuple[str, str], Entry]] = {}

    async def load(self) -> None:
        """Read what the stream holds. Raises BusUnavailable."""
        self._known = {}
        subject = subjects.fill(subjects.SEEN, workspace=self.workspace, connection=self.connection)
        seq = 1
        while messages := await self._read(subject, seq):
            seq = messages[-1].seq + 1
            for message in messages:
                self._learn(message)

    def kinds(self) -> list[tuple[str, str]]:
        """Group and kind of everything that is there."""
        return [kind for kind, entries in self._known.items() if entries]

    def of(self, group: str, kind: str) -> list[ResourceRef]:
        """The objects of a kind that are there."""
        entries = self._known.get((group, kind), {})
        return [ResourceRef(group=group, kind=kind, namespace=place[0], name=place[1]) for place in entries]

    @property
    def count(self) -> int:
        """How many objects there are."""
        return sum(map(len, self._known.values()))

    async def apply(self, changes: Sequence["Item | ResourceRef"]) -> None:
        """Tell objects as they are now, and those (by reference) that are gone, unless that was told. Raises Fenced.

        Of several changes of one object the last one counts, as in the stream.
        """
        last = {change if isinstance(change, ResourceRef) else change.ref: change for change in changes}
        pending = [one for ref, change in last.items() if (one := self._pending(ref, change)) is not None]
        if len(pending) > 1 and await self._told_at_once(pending):
            return
        for one in pending:
            self._learn_of(one, await self._publish(one))

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

    async def _told_at_once(self, pending: "Sequence[_Pending]") -> bool:
        """Whether all were stored together. If not, each by itself finds out why, under the same id."""
        try:
            acks = await self._bus.publisher.publish_all([one.outgoing for one in pending], _PATIENCE)
        except (mwbus.Conflict, mwbus.BusUnavailable) as error:
            log.debug("%d objects are told one by one: %s", len(pending), error)
            return False
        for one, seq in zip(pending, acks, strict=True):
            self._learn_of(one, seq)
        return True

    def _learn_of(self, one: "_Pending", seq: int) -> None:
        """What was stored is known; sequence 0 means that it was not, as the object is gone."""
        place = self._known.setdefault((one.ref.group, one.ref.kind), {})
        key = one.ref.namespace, one.ref.name
        if isinstance(one.outgoing.message, ResourceRemoved):
            del place[key]
        elif seq:
            place[key] = Entry(one.uid, one.version, seq)
        if self._told is not None and seq:
            self._told.add(one.outgoing.message.wire.name.split(".")[-2])

    def _entry(self, ref: ResourceRef) -> Entry | None:
        return self._known.get((ref.group, ref.kind), {}).get((ref.namespace, ref.name))

    def _learn(self, message: mwbus.Received) -> None:
        if message.type != ResourceObserved.wire.name:
            return
        try:
            resource = msgspec.json.decode(message.payload, type=_Told).resource
        except msgspec.DecodeError as error:
            log.error("%s cannot be read: %s", message.subject, error)
            return
        is_current = message.headers.get(f"ce-{_POLICY}") == objects.POLICY
        version = resource.resource_version if is_current else ""
        place = self._known.setdefault((resource.group, resource.kind), {})
        place[resource.namespace, resource.name] = Entry(resource.uid, version, message.seq)

    async def _publish(self, one: "_Pending") -> int:
        """The sequence; 0 when the object with that UID was told as gone. Waits for the bus. Raises Fenced."""
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
                    raise Fenced(f"{out.subject} was written by somebody else") from conflict
                before = await self._removal(out.subject)
                if before.uid == one.uid:
                    return 0
                expected = before.seq
            except mwbus.BusUnavailable as error:
                log.warning("waiting to tell %s: %s", one.ref, error)
                await asyncio.sleep(_PAUSE)
            else:
                return ack.seq

    async def _removal(self, subject: str) -> Entry:
        """The last word on an object, which must be that it is gone. Raises Fenced."""
        while True:
            try:
                last = await self._bus.last(STREAM, subject)
            except mwbus.BusUnavailable as error:
                log.warning("waiting to read %s: %s", subject, error)
                await asyncio.sleep(_PAUSE)
                continue
            if last is None:
                return Entry("", "", 0)  # it has expired just now
            if last.type != ResourceRemoved.wire.name:
                raise Fenced(f"{subject} was written by somebody else")
            return Entry(msgspec.json.decode(last.payload, type=_Summary).uid, "", last.seq)
