"""The projector's heartbeat, for its readers.

Problem: views look the same whether their projector works or has died. Invariant: the projector writes the time of the
database's own clock every `EVERY` seconds, so no other clock matters, and a beat proves that views can be written.
"""

from meshwright.core.store import generations
from meshwright.core.store.connecting import Database, Document
from meshwright.core.store.errors import translated

EVERY = 1.0
"""seconds between two beats"""
_ID = "projector"


async def beat(database: Database) -> None:
    """Write the projector's heartbeat. Raises StoreUnavailable."""
    with translated("write the heartbeat"):
        await database.collection(generations.META).update_one({"_id": _ID}, [{"$set": {"at": "$$NOW"}}], upsert=True)


async def age(database: Database) -> float | None:
    """Seconds since the last beat; None when there never was one. Raises StoreUnavailable."""
    look: list[Document] = [{"$match": {"_id": _ID}}, {"$project": {"age": {"$subtract": ["$$NOW", "$at"]}}}]
    with translated("read the heartbeat"):
        rows = await database.collection(generations.META).aggregate(look).to_list(1)
    return max(rows[0]["age"], 0) / 1000 if rows else None
