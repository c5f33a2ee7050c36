"""The store: MongoDB holds views of the streams, and only this package uses its driver.

Rule: a module outside of this package imports neither `motor` nor `pymongo` nor `bson`, and catches StoreError.
Reading is `Views`; only the projector writes, through `writing`, `checkpoints` and `generations`.

    async with store.connect(url, database) as database:
        views = store.Views(database)
        await views.wait("STATE", ack.seq)
        mesh = await views.get(store.kinds.MESHES, "default", "demo")
        page = await views.page(store.kinds.OPERATIONS, "default", where={"done": False}, descending=True)
"""

from meshwright.core.store import kinds
from meshwright.core.store.checkpoints import Checkpoint
from meshwright.core.store.connecting import Database, connect
from meshwright.core.store.documents import LoggedEvent, MeasuredWindow, Page, SetAside, Stored
from meshwright.core.store.errors import (
    DatabaseRestored,
    InvalidAddress,
    InvalidCursor,
    NotAdmissible,
    NotYetVisible,
    StoreError,
    StoreUnavailable,
    UnknownField,
)
from meshwright.core.store.joining import join, refuse_open_server
from meshwright.core.store.kinds import DesignVersion, Kind
from meshwright.core.store.paging import MAX_PAGE, Plain
from meshwright.core.store.views import EVENT_FILTERS, Views

__all__ = [
    "EVENT_FILTERS",
    "MAX_PAGE",
    "Checkpoint",
    "Database",
    "DatabaseRestored",
    "DesignVersion",
    "InvalidAddress",
    "InvalidCursor",
    "Kind",
    "LoggedEvent",
    "MeasuredWindow",
    "NotAdmissible",
    "NotYetVisible",
    "Page",
    "Plain",
    "SetAside",
    "StoreError",
    "StoreUnavailable",
    "Stored",
    "UnknownField",
    "Views",
    "connect",
    "join",
    "kinds",
    "refuse_open_server",
]
