"""Checkpoints: how far each stream is folded into the views of a generation.

Problem: an older backup of the database may be restored while a projector runs; it would continue after its last batch,
and the messages in between would be missing. Invariant: a checkpoint is written after its documents were acknowledged,
and never goes back, whichever projector writes it; a writer that knows its last checkpoint detects when the database
has an older one.
"""

import datetime

import msgspec
from pymongo import ReturnDocument

from meshwright.core.store.connecting import Database, Document
from meshwright.core.store.errors import DatabaseRestored, translated

_COLLECTION = "checkpoints"
_SAME = datetime.timedelta(milliseconds=2)
"""tolerance for times, which the database rounds"""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of `stream` up to `seq` is in the views; `time` is when that last message was stored."""

    stream: str
    seq: int = 0
    time: datetime.datetime | None = None

    def confirm(self, stored: "Checkpoint") -> None:
        """Raises DatabaseRestored when the `stored` checkpoint is older than this one, which was stored before."""
        other = self.time and stored.time and abs(self.time - stored.time) > _SAME
        if stored.seq < self.seq or (stored.seq == self.seq and other):
            raise DatabaseRestored(
                f"the views had {self.stream} up to {self.seq}, and now only up to {stored.seq}: "
                "an older backup of the database was restored"
            )


async def read(database: Database, generation: int, stream: str) -> Checkpoint:
    """The checkpoint of a stream; sequence 0 when nothing was folded yet. Raises StoreUnavailable."""
    with translated("read a checkpoint"):
        row = await database.collection(_COLLECTION).find_one({"_id": f"{generation}/{stream}"})
    if row is None:
        return Checkpoint(stream=stream)
    return Checkpoint(stream=stream, seq=row["seq"], time=row["time"])


async def advance(
    database: Database, generation: int, checkpoint: Checkpoint, before: Checkpoint | None = None
) -> None:
    """Move a checkpoint forward; one that is further already stays.

    `before` is its last known value. Raises StoreUnavailable, DatabaseRestored when the stored one is older than that.
    """
    known = before.seq if before else 0
    newer = {
        "_id": f"{generation}/{checkpoint.stream}",
        "generation": generation,
        "stream": checkpoint.stream,
        "seq": checkpoint.seq,
        "time": checkpoint.time,
    }
    with translated("write a checkpoint"):
        stored = {"$ifNull": ["$seq", -1]}
        forward = {"$and": [{"$gt": [checkpoint.seq, stored]}, {"$gte": [stored, known or -1]}]}
        row: Document | None = await database.collection(_COLLECTION).find_one_and_update(
            {"_id": f"{generation}/{checkpoint.stream}"},
            # Sequence and time change together: a time of another message, after the server's clock was set back, would
            # look like a rewound stream.
            [{"$replaceWith": {"$cond": [forward, newer, "$$ROOT"]}}],
            upsert=not known,
            return_document=ReturnDocument.AFTER,
        )
    if before and (row is None or row["seq"] < known):
        before.confirm(Checkpoint(stream=checkpoint.stream, seq=row["seq"] if row else 0))
