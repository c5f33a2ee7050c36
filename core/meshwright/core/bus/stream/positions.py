"""Positions: how far a reader has read a stream, and whether the stream still holds what it has read.

Problem: by default nats-server acknowledges before it has synced to disk; after a power cut the stream ends earlier,
and the same sequences are given to other messages. A reader that resumes by its sequence alone skips those silently.
Invariant: a reader that knows when its last message was stored detects this.
"""

import datetime
from typing import Self

import msgspec

from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import Rewound
from meshwright.core.bus.protocols import StreamReader

_SAME = datetime.timedelta(milliseconds=2)
"""tolerance in time: databases round times, and two messages with one sequence are at least a server restart apart"""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to the message `seq`, which was stored at `time`, has been read.

    Without a time a rewound stream is detected only while it is shorter than it was.
    """

    seq: int = 0
    time: datetime.datetime | None = None

    @classmethod
    def at(cls, message: Received) -> Self:
        """The position behind this message."""
        return cls(seq=message.seq, time=message.stored_at())


START = Position()
"""the position before the first message"""


async def assure(bus: StreamReader, stream: str, place: Position) -> None:
    """Raises Rewound when the stream holds another message at that position, or ends before it; BusUnavailable.

    A message that was trimmed since (by age or limits) counts as read.
    """
    if place.seq == 0:
        return
    message = await bus.at(stream, place.seq)
    if message is None:
        last = (await bus.stream_bounds(stream))[1]
        if last < place.seq:
            raise Rewound(f"{stream} ends at {last}, but {place.seq} was read from it before")
    elif place.time is not None and abs(message.stored_at() - place.time) > _SAME:
        raise Rewound(f"{stream} holds another message at {place.seq} than the one that was read before")
