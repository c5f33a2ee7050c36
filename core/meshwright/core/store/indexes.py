"""The indexes of a generation's collections.

Invariant: every list that `Kind` offers is served by an index that begins with the workspace and ends with `_id`, so
the cost of a page depends on its size only; documents that expire have a TTL index on a date.
"""

from pymongo import ASCENDING, IndexModel

from meshwright.core.measurements import resolutions
from meshwright.core.store import generations, kinds
from meshwright.core.store.connecting import Database
from meshwright.core.store.errors import translated

DAY = 24 * 3600
EVENTS_KEPT = 30 * DAY


def _index(*fields: str) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields])


def _indexes() -> dict[str, list[IndexModel]]:
    gone = IndexModel("expire_at", expireAfterSeconds=0, partialFilterExpression={"expire_at": {"$exists": True}})
    wanted = {kind.name: [gone, *(_index("workspace", field, "_id") for field in kind.sorts)] for kind in kinds.KINDS}
    wanted[kinds.OPERATIONS.name] += [
        _index("workspace", "mesh", "accepted_at", "_id"),
        _index("workspace", "state", "accepted_at", "_id"),
        _index("workspace", "done", "accepted_at", "_id"),
    ]
    wanted[kinds.PROXIES.name] += [
        _index("workspace", "mesh", "_id"),
        _index("workspace", "mesh", "state", "_id"),
        _index("workspace", "certificate.not_after", "_id"),
    ]
    wanted[kinds.WORKLOADS.name] += [_index("workspace", "mesh", "_id")]
    wanted[kinds.RELEASES.name] += [_index("workspace", "mesh", "revision", "_id")]
    wanted[kinds.DESIGN_VERSIONS.name] += [_index("workspace", "id", "version", "_id")]
    wanted[kinds.DELIVERIES.name] += [
        _index("workspace", "webhook", "event", "_id"),
        # the retention of EVENTS, so that a rebuilt log equals one that was kept
        IndexModel("updated_at", expireAfterSeconds=EVENTS_KEPT),
    ]
    wanted[kinds.RESOURCES.name] += [
        _index("workspace", "connection", "kind", "namespace", "id", "_id"),
        _index("workspace", "kind", "id", "_id"),
        _index("workspace", "terms", "id", "_id"),
    ]
    wanted[kinds.EVENT_LOG] = [
        IndexModel("time", expireAfterSeconds=EVENTS_KEPT),
        _index("workspace", "entity", "id", "_id"),
    ]
    wanted[kinds.METRIC_LOG] = [
        IndexModel("time", expireAfterSeconds=int(resolutions.RAW_KEPT.total_seconds())),
        _index("workspace", "mesh", "_id"),
        _index("workspace", "mesh", "start", "_id", "seconds", "time"),
    ]
    wanted[kinds.ROLL_UPS] = [
        IndexModel("expire_at", expireAfterSeconds=0),
        _index("workspace", "mesh", "start", "resolution", "part", "seq", "time", "seconds", "oldest"),
    ]
    wanted[kinds.SET_ASIDE] = [IndexModel("time", expireAfterSeconds=EVENTS_KEPT)]
    return wanted


async def ensure(database: Database, generation: int) -> None:
    """Create the missing indexes. Raises StoreUnavailable."""
    for name, wanted in _indexes().items():
        with translated(f"create the indexes of {name}"):
            await database.collection(generations.collection_name(name, generation)).create_indexes(wanted)
