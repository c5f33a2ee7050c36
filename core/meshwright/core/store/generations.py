"""Generations of views: a rebuild writes beside the live ones and one update makes it live.

Invariant: a collection is named `<kind>_g<N>`; the document `live` in `meta` has the N that is read; generations are
numbered upwards and never reused. Collections of an old generation are dropped after all readers have had time to
notice the swap.
"""

import re

from pymongo import ReturnDocument

from meshwright.core.store.connecting import Database
from meshwright.core.store.errors import translated

META = "meta"
FIRST = 1
SEEN_WITHIN = 1.0
"""seconds within which every reader notices a swap"""
NOBODY = 0
"""used as a projector's version: marks a generation that must be rebuilt"""
_NAME = re.compile(r"(?P<kind>[a-z_]+)_g(?P<number>\d+)\Z")


def collection_name(kind: str, generation: int) -> str:
    """The name of the collection of a kind's documents."""
    return f"{kind}_g{generation}"


async def live(database: Database) -> int:
    """The generation that is read now. Raises StoreUnavailable."""
    with translated("read the live generation"):
        row = await database.collection(META).find_one({"_id": "live"})
    return int(row["generation"]) if row else FIRST


async def reserve(database: Database) -> int:
    """A generation number that was never used. Raises StoreUnavailable."""
    with translated("reserve a generation"):
        await database.collection(META).update_one(
            {"_id": "last"}, {"$setOnInsert": {"generation": FIRST}}, upsert=True
        )
        row = await database.collection(META).find_one_and_update(
            {"_id": "last"}, {"$inc": {"generation": 1}}, return_document=ReturnDocument.AFTER
        )
    assert row is not None
    return int(row["generation"])


async def swap(database: Database, generation: int) -> None:
    """Make a generation the live one, unless a newer one is. Raises StoreUnavailable."""
    with translated("swap the live generation"):
        await database.collection(META).update_one({"_id": "live"}, {"$max": {"generation": generation}}, upsert=True)


async def sign(database: Database, generation: int, version: int) -> None:
    """Record that a projector of that version writes this generation. Raises StoreUnavailable."""
    with translated("sign a generation"):
        await database.collection(META).update_one(
            {"_id": f"written/{generation}"}, {"$min": {"oldest": version}}, upsert=True
        )


async def distrust(database: Database, generation: int) -> None:
    """Mark a generation to be rebuilt. Raises StoreUnavailable."""
    await sign(database, generation, NOBODY)


async def oldest_writer(database: Database, generation: int) -> int | None:
    """The lowest version of a projector that has written this generation. Raises StoreUnavailable."""
    with translated("read the version that wrote a generation"):
        row = await database.collection(META).find_one({"_id": f"written/{generation}"})
    return int(row["oldest"]) if row else None


async def drop_others(database: Database, keep: frozenset[int]) -> list[str]:
    """Drop the collections of every generation that is not in `keep`, with their checkpoints; returns their names.

    Raises StoreUnavailable.
    """
    dropped = []
    for name in await database.collection_names():
        match = _NAME.match(name)
        if match and int(match["number"]) not in keep:
            with translated(f"drop {name}"):
                await database.collection(name).drop()
            dropped.append(name)
    with translated("delete old checkpoints"):
        await database.collection("checkpoints").delete_many({"generation": {"$nin": sorted(keep)}})
    return dropped
