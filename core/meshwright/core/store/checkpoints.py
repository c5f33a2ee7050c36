"""Checkpoints: how far each stream is folded into the views of a generation.

Invariant: a checkpoint is written after the documents it speaks for were acknowledged, and never goes back,
whoever writes it.
"""

import datetime

import msgspec

from meshwright.core.store.connecting import Database
from meshwright.core.store.errors import translated

_COLLECTION = "checkpoints"


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of `stream` up to `seq` is in the views; `time` is when that last message was stored."""

    stream: str
    seq: int = 0
    time: datetime.datetime | None = None


async def read(database: Database, generation: int, stream: str) -> Checkpoint:
    """The checkpoint of a stream; sequence 0 when nothing was folded yet. Raises StoreUnavailable."""
    with translated("read a checkpoint"):
        found = await database.collection(_COLLECTION).find_one({"_id": f"{generation}/{stream}"})
    if found is None:
        return Checkpoint(stream=stream)
    return Checkpoint(stream=stream, seq=found["seq"], time=found["time"])


async def advance(database: Database, generation: int, checkpoint: Checkpoint) -> None:
    """Move a checkpoint forward; one that is further already stays. Raises StoreUnavailable."""
    newer = {
        "_id": f"{generation}/{checkpoint.stream}",
        "generation": generation,
        "stream": checkpoint.stream,
        "seq": checkpoint.seq,
        "time": checkpoint.time,
    }
    with translated("write a checkpoint"):
        await database.collection(_COLLECTION).update_one(
            {"_id": f"{generation}/{checkpoint.stream}"},
            # Both or neither: a time of another message, after the server's clock was set back, would look like a
            # stream that went back.
            [{"$replaceWith": {"$cond": [{"$gt": [checkpoint.seq, {"$ifNull": ["$seq", -1]}]}, newer, "$$ROOT"]}}],
            upsert=True,
        )
