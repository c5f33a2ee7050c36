"""Repairs the copies that the server makes of one stream in another, after the source lost its newest messages.

Problem: the server continues behind the newest message that it has copied. When COMMANDS has lost its newest messages
in a power cut and EVENTS has kept their copies, new messages get the same sequences, and the server believes them
copied: operations would run that no view ever shows. Invariant: each message is copied once, by the server or by this
module.
"""

import asyncio
import logging

import msgspec

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.envelope import MESSAGE_ID, Received
from meshwright.core.bus.errors import BusUnavailable, Rewound
from meshwright.core.bus.stream import streams
from meshwright.core.bus.stream.lookups import batch, until
from meshwright.core.bus.stream.positions import Position

_SOURCE = "Nats-Stream-Source"
"""header of the server's copies: stream, sequence, and more; the server refuses it from clients"""
_COPY = "Meshwright-Copy-Of"
"""header of this module's copies: stream, sequence, and the sequence from which the server continues"""
_EXPECTED = "nats-expected-"
_LOOK = 1.0
log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True):
    """The origin of a copy; `reach` is the sequence up to which the server believes it has copied that stream."""

    stream: str
    seq: int
    reach: int


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
    """Copy what the server will skip. Returns when the server copies by itself again."""
    stream = copy.source
    newest, place = await _newest_copy(bus, copy)
    if newest is None or place is None:
        return
    went_back = await _is_of_another(bus, newest, place)
    if not went_back and place.seq == place.reach:
        return
    log.error(
        "%s lost its newest messages: this process copies new ones into %s up to sequence %d",
        stream,
        copy.target,
        place.reach,
    )
    behind = await until(bus, stream, newest.stored_at()) if went_back else Position(seq=place.seq)
    seq = behind.seq
    while seq < place.reach:
        messages = await batch(bus, stream, ">", seq + 1)
        for message in messages:
            seq = message.seq
            if seq <= place.reach:
                await _store(bus, copy, message, place.reach)
        if not messages:
            await asyncio.sleep(_LOOK)


async def _newest_copy(bus: Connection, copy: streams.Copy) -> tuple[Received | None, Place | None]:
    newest, place = None, None
    for subject in copy.places:
        copied = await bus.last(copy.target, subject)
        at = copied_from(copied) if copied else None
        if copied and at and at.stream == copy.source and (newest is None or copied.seq > newest.seq):
            newest, place = copied, at
    return newest, place


async def _is_of_another(bus: Connection, copy: Received, place: Place) -> bool:
    """Whether the stream no longer holds the original of this copy, for another reason than trimming."""
    original = await bus.at(place.stream, place.seq)
    if original is None:
        return (await bus.stream_bounds(place.stream))[1] < place.seq
    return original.headers.get(MESSAGE_ID) != copy.headers.get(MESSAGE_ID)


async def _store(bus: Connection, copy: streams.Copy, message: Received, reach: int) -> None:
    destination = copy.place_of(message.subject)
    if not destination:
        return
    headers = {name: value for name, value in message.headers.items() if not name.lower().startswith(_EXPECTED)}
    headers[_COPY] = f"{message.stream} {message.seq} {reach}"
    await bus.publisher.store(destination, message.payload, headers)
