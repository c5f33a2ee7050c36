"""Positions: where a reader is in a stream, and whether the stream is still the one that it has read.

Problem: nats-server acknowledges before it has written to its disk, unless it is told otherwise; after a power cut the
stream ends earlier, and the same sequences are given to other messages. A reader that goes on by its sequence alone
skips them without a word. Invariant: a reader that knows when its last message was stored finds out.
"""

import datetime
from typing import Self

import msgspec

from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import Rewound
from meshwright.core.bus.protocols import StreamReader

_SAME = datetime.timedelta(milliseconds=2)
"""what databases round away; two messages that got the same sequence lie a restart of the server apart"""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to the message `seq`, which was stored at `time`, has been read.

    Without a time a stream that went back is noticed only as long as it is shorter than it was.
    """

    seq: int = 0
    time: datetime.datetime | None = None

    @classmethod
    def at(cls, message: Received) -> Self:
        """The position behind this message."""
        return cls(seq=message.seq, time=message.stored_at())


START = Position()
"""before the first message"""


async def assure(bus: StreamReader, stream: str, place: Position) -> None:
    """Raises Rewound when the stream holds something else at that place, or ends before it; BusUnavailable.

    A message that was removed since (by age, by limits) proves nothing either way and counts as read.
    """
    if place.seq == 0:
        return
    message = await bus.at(stream, place.seq)
    if message is None:
        last = (await bus.stream_bounds(stream))[1]
        if last < place.seq:
            raise Rewound(f"{stream} ends at {last}, but {place.seq} was read from it before")
    elif place.time is not None and abs(message.stored_at() - place.time) > _SAME:
        raise Rewound(f"{stream} holds another message at {place.seq} than the one that was read from it before")
