"""The errors of the store.

    StoreError
    ├── StoreUnavailable    MongoDB did not answer in time: it is unknown whether it was written
    ├── NotAdmissible       the server admits anonymous clients, or the database is another installation's
    ├── InvalidAddress      MESHWRIGHT_MONGODB_URL is not a MongoDB URL
    ├── DatabaseRestored            the database holds less than was written to it: an older copy was restored
    ├── NotYetVisible       the projection has not reached the requested sequence in the given time
    ├── UnknownField        a filter or sort names a field that its kind does not offer
    └── InvalidCursor       a cursor that does not come from a page of this list

Invariant: errors of the driver never leave this package.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError

from meshwright.core.security.addresses import redacted


class StoreError(Exception):
    """Base class of all errors of the store."""


class StoreUnavailable(StoreError):
    """MongoDB did not answer in time; views lag behind, writes to the bus still work."""


class NotAdmissible(StoreError):
    """This database must not be used; the text says why and what to do."""


class InvalidAddress(StoreError):
    """The value is not a MongoDB URL; the text says what is wrong with it."""


class DatabaseRestored(StoreError):
    """An older copy of the database was restored while it was written to; the views must be rebuilt."""


class NotYetVisible(StoreError):
    """The views have not reached that sequence; `seen` is the one they have reached."""

    def __init__(self, stream: str, wanted: int, seen: int) -> None:
        super().__init__(f"the views have folded in {stream} up to {seen}, not yet {wanted}")
        self.stream = stream
        self.wanted = wanted
        self.seen = seen


class UnknownField(StoreError):
    """A filter or sort names a field that cannot be used; the text lists those that can."""


class InvalidCursor(StoreError):
    """The cursor does not come from a page of this list."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Converts the driver's errors to StoreUnavailable; `what` completes "could not ..."."""
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable(redacted(f"could not {what}: {error}")) from error
