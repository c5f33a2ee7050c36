"""Repairs the copies that the server makes of one stream in another, after the source lost its newest messages.

Problem: the server continues behind the newest message that it has copied. When COMMANDS has lost its newest messages
in a power cut and EVENTS has kept their copies, new messages get the same sequences, and the server believes them
copied: operations would run that no view ever shows. Invariant: each message is copied once, by the server or by this
module.
"""

import asyncio
import datetime
import logging

import msgspec

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.envelope import MESSAGE_ID, Received
from meshwright.core.bus.errors import BusUnavailable, Rewound
from meshwright.core.bus.stream import streams
from meshwright.core.bus.stream.lookups import batch, until

_SOURCE = "Nats-Stream-Source"
"""header of the server's copies: stream, sequence, and more; the server refuses it from clients"""
_COPY = "Meshwright-Copy-Of"
"""header of this module's copies: stream, sequence, and the sequence from which the server continues"""
_EXPECTED = "nats-expected-"
_LOOK = 1.0
_RECENT = 20_000
"""messages of the target that are searched for copies: more than are stored until somebody looks after a restart"""
log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True):
    """The origin of a copy; `reach` is the sequence up to which the server believes it has copied that stream."""

    stream: str
    seq: int
    reach: int


class _Known(msgspec.Struct):
    """What is known of the copies of one stream: their ids, the time of the oldest, and how far the server believes
    to have come.
    """

    ids: set[str] = msgspec.field(default_factory=set)
    since: datetime.datetime | None = None
    reach: int = 0

    def add(self, copy: streams.Copy, messages: list[Received]) -> None:
        """Take note of those messages that are copies."""
        for message in messages:
            place = copied_from(message)
            if place is None or place.stream != copy.source:
                continue
            self.ids.add(message.headers.get(MESSAGE_ID, ""))
            self.since = min(self.since or message.stored_at(), message.stored_at())
            self.reach = max(self.reach, place.reach)


def copied_from(message: Received) -> Place | None:
    """The origin of this message, if it is a copy."""
    match message.headers.get(_SOURCE, "").split(" "):
        case [stream, seq, *_]:
            return Place(stream, int(seq), int(seq))
    match message.headers.get(_COPY, "").split(" "):
        case [stream, seq, reach]:
            return Place(stream, int(seq), int(reach))
    return None


async def maintain_copies(bus: Connection) -> None:
    """Repair the copies at the start and after each reconnect, until cancelled."""
    looked = -1
    while True:
        reconnects = bus.reconnects
        if looked != reconnects and bus.is_connected:
            try:
                async with asyncio.TaskGroup() as group:
                    for copy in streams.COPIES:
                        group.create_task(_mend(bus, copy))
                looked = reconnects
            except* (BusUnavailable, Rewound) as errors:
                log.debug("checking the copies again: %s", errors.exceptions)
        await asyncio.sleep(_LOOK)


async def _mend(bus: Connection, copy: streams.Copy) -> None:
    """Copy what the server has skipped or will skip. Returns when the server copies by itself again."""
    known = await _known(bus, copy)
    seq = (await until(bus, copy.source, known.since)).seq if known.since else known.reach
    told = False
    while seq < known.reach:
        is_past = (await bus.stream_bounds(copy.source))[1] >= known.reach
        messages = await batch(bus, copy.source, ">", seq + 1)
        if not messages and is_past:
            return
        if not (told or is_past):
            told = True
            text = "%s lost its newest messages: this process copies new ones into %s up to sequence %d"
            log.error(text, copy.source, copy.target, known.reach)
        for message in messages:
            seq = message.seq
            if seq <= known.reach and message.headers.get(MESSAGE_ID) not in known.ids:
                await _store(bus, copy, message, known.reach)
        if not messages:
            await asyncio.sleep(_LOOK)


async def _known(bus: Connection, copy: streams.Copy) -> _Known:
    """The newest copy of each kind however old it is, and all that are among the newest messages of the target.

    The newest alone would not do: the server may have gone on behind what it skipped before anybody looked.
    """
    known = _Known()
    newest = (await bus.stream_bounds(copy.target))[1]
    for subject in copy.places:
        last = await bus.last(copy.target, subject)
        known.add(copy, [last] if last else [])
        seq = max(newest - _RECENT, 0)
        while seq < newest and (messages := await batch(bus, copy.target, subject, seq + 1)):
            seq = messages[-1].seq
            known.add(copy, messages)
    return known


async def _store(bus: Connection, copy: streams.Copy, message: Received, reach: int) -> None:
    destination = copy.place_of(message.subject)
    if not destination:
        return
    headers = {name: value for name, value in message.headers.items() if not name.lower().startswith(_EXPECTED)}
    headers[_COPY] = f"{message.stream} {message.seq} {reach}"
    await bus.publisher.store(destination, message.payload, headers)
