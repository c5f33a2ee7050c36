"""Carrying documents over into a new generation when the streams no longer hold what they were made of.

Invariant: what the stream itself has told of a document wins over its copy.
"""

from typing import Any

from meshwright.core.store import generations
from meshwright.core.store.connecting import Database
from meshwright.core.store.errors import translated
from meshwright.core.store.kinds import Kind


async def carry_over(database: Database, kind: Kind[Any], old: int, new: int, before_seq: int) -> None:
    """Copy documents of a kind with a sequence below `before_seq`, within the server, unless they are there already.

    Raises StoreUnavailable.
    """
    source = database.collection(generations.collection_name(kind.name, old))
    with translated(f"carry over {kind.name}"):
        await source.aggregate(
            [
                {"$match": {"seq": {"$lt": before_seq}, "deleted": None}},
                {"$merge": {"into": generations.collection_name(kind.name, new), "whenMatched": "keepExisting"}},
            ]
        ).to_list(None)
