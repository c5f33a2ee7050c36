"""Generations of views: a rebuild writes beside the live ones and one update makes it live.

Invariant: a collection is named `<kind>_g<N>`; the document `live` in `meta` has the N that is read; generations are
numbered upwards and never reused. Collections of an old generation are dropped after all readers have had time to
notice the swap.
"""

import datetime
import re
import time
from collections.abc import Callable

from pymongo import ReturnDocument

from meshwright.core.store.connecting import Collection, Database, Document
from meshwright.core.store.errors import StoreUnavailable, translated
from meshwright.core.store.paging import MAX_PAGE

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


class LiveViews:
    """The live generation of the views in one database: notices a swap, and reads only a database known to be ours."""

    def __init__(
        self, database: Database, made_at: Callable[[str], datetime.datetime | None] = lambda workspace: None
    ) -> None:
        """`made_at` returns the creation time of a workspace whose name was used before; nothing older is shown."""
        self._database = database
        self._made_at = made_at
        self._generation = FIRST
        self._looked = -1e9

    def _of_now(self, workspace: str, field: str = "updated_at") -> Document:
        """The condition that leaves out documents of a removed workspace of the same name."""
        made = self._made_at(workspace)
        # The database keeps milliseconds.
        return {} if made is None else {field: {"$gte": made.replace(microsecond=made.microsecond // 1000 * 1000)}}

    async def _rows(self, log: str, query: Document, direction: int, limit: int) -> list[Document]:
        size = max(1, min(limit, MAX_PAGE))
        with self._database.bounded(f"read {log}"):
            collection = await self._collection(log)
            return list(await collection.find(query).sort("_id", direction).limit(size).to_list(size))

    async def _collection(self, name: str) -> Collection:
        return self._database.collection(collection_name(name, await self._live()))

    async def _live(self) -> int:
        if not self._database.trusted:
            raise StoreUnavailable("the database has not been checked yet")
        now = time.monotonic()
        if now - self._looked > SEEN_WITHIN:
            self._generation = await live(self._database)
            self._looked = now
        return self._generation
