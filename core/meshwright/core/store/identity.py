"""Whose database this is.

Problem: two installations that are pointed at one database by mistake would fold two streams into one set of views, and
show one's data to the other's people. Invariant: the first projector writes the identity of its installation into an
empty database; whoever comes with another one neither writes nor reads there.
"""

from meshwright.core.store import generations
from meshwright.core.store.connecting import Database
from meshwright.core.store.errors import NotAdmissible, translated

_ID = "installation"


async def claim(database: Database, installation: str) -> None:
    """Make a database that is nobody's ours. Raises StoreUnavailable, NotAdmissible when it is another's."""
    if await confirm(database, installation):
        return
    with translated("write the owner of the database"):
        await database.collection(generations.META).update_one(
            {"_id": _ID}, {"$setOnInsert": {"id": installation}}, upsert=True
        )
    await confirm(database, installation)


async def confirm(database: Database, installation: str) -> bool:
    """Whether it is ours, or nobody's yet. Raises StoreUnavailable, NotAdmissible when it is another's."""
    with translated("read the owner of the database"):
        row = await database.collection(generations.META).find_one({"_id": _ID})
    if row is not None and row["id"] != installation:
        raise NotAdmissible(
            f"the database {database.name} holds the views of another Meshwright, whose streams are not those of this"
            " NATS server. Name another database (MESHWRIGHT_MONGODB_DATABASE); or, if that one is no longer needed,"
            " drop it: views are rebuilt from the streams"
        )
    return row is not None
