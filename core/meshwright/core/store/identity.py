"""The identity of the installation that owns a database.

Problem: two installations that use one database by mistake would fold two streams into one set of views, and show one's
data to the other's users. Invariant: the first projector writes the identity of its installation into an empty
database; a process of another installation neither writes nor reads there.
"""

from meshwright.core.store import generations
from meshwright.core.store.connecting import Database
from meshwright.core.store.errors import NotAdmissible, translated

_ID = "installation"


async def claim(database: Database, installation: str) -> None:
    """Claim a database without an owner for this installation.

    Raises StoreUnavailable, NotAdmissible when it is another's.
    """
    if await confirm(database, installation):
        return
    with translated("write the owner of the database"):
        await database.collection(generations.META).update_one(
            {"_id": _ID}, {"$setOnInsert": {"id": installation}}, upsert=True
        )
    await confirm(database, installation)


async def confirm(database: Database, installation: str) -> bool:
    """Whether the database is this installation's, or has no owner yet.

    Raises StoreUnavailable, NotAdmissible when it is another's.
    """
    with translated("read the owner of the database"):
        row = await database.collection(generations.META).find_one({"_id": _ID})
    if row is not None and row["id"] != installation:
        raise NotAdmissible(
            f"the database {database.name} holds the views of another Meshwright installation, whose streams are not "
            f"those of this NATS server. Set another database (MESHWRIGHT_MONGODB_DATABASE); or, if that one is no "
            f"longer needed, drop it: views are rebuilt from the streams"
        )
    return row is not None
