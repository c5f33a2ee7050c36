"""Copying documents into a new generation when the streams no longer hold the messages they were made of.

Invariant: a document folded from the stream wins over its copy; a copy is converted to the current shape and key.
"""

import datetime
from typing import Any

from msgspec.structs import replace

from meshwright.core.store import generations, kinds
from meshwright.core.store.connecting import Database
from meshwright.core.store.errors import translated
from meshwright.core.store.kinds import Kind
from meshwright.core.store.writing import Batch, Writer

_BATCH = 500


async def carry_over(database: Database, kind: Kind[Any], old: int, new: int, before_seq: int) -> None:
    """Copy documents of a kind with a sequence below `before_seq`, unless newer ones exist already.

    Raises StoreUnavailable.
    """
    if kind.former is not None:
        await _renew(database, kind, old, new, before_seq)
        return
    source = database.collection(generations.collection_name(kind.name, old))
    with translated(f"copy {kind.name}"):
        await source.aggregate(
            [
                {"$match": {"seq": {"$lt": before_seq}, "deleted": None}},
                {"$merge": {"into": generations.collection_name(kind.name, new), "whenMatched": "keepExisting"}},
            ]
        ).to_list(None)


async def carry_roll_ups(database: Database, old: int, new: int, before: datetime.datetime) -> None:
    """Copy the roll-ups of spans that began before that moment. Raises StoreUnavailable."""
    source = database.collection(generations.collection_name(kinds.ROLL_UPS, old))
    target = generations.collection_name(kinds.ROLL_UPS, new)
    with translated("copy roll-ups"):
        await source.aggregate(
            [{"$match": {"start": {"$lt": before}}}, {"$merge": {"into": target, "whenMatched": "keepExisting"}}]
        ).to_list(None)


async def _renew(database: Database, kind: Kind[Any], old: int, new: int, before_seq: int) -> None:
    """Convert and copy documents that may have the shape and key of an older version."""
    documents = await Writer(database, old).load_before(kind, before_seq)
    copies = [
        replace(folded, key=kinds.key(folded.workspace, getattr(folded.document, "id", ""))) for folded in documents
    ]
    writer = Writer(database, new)
    for start in range(0, len(copies), _BATCH):
        await writer.write(Batch(documents=copies[start : start + _BATCH], rows={}, checkpoints=[]))
