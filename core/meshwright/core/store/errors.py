"""What the store can refuse.

    StoreError
    ├── StoreUnavailable    MongoDB did not answer in time: nothing is known to be read or written
    ├── NotAdmissible       the server or the database must not be used: anybody may write there, or it is another's
    ├── InvalidAddress      MESHWRIGHT_MONGODB_URL is no address of MongoDB
    ├── WentBack            the database holds less than was written to it: an older copy was put back
    ├── NotYetVisible       the projection has not reached the asked sequence in the given time
    ├── UnknownField        a filter or sort names a field that its kind does not offer
    └── InvalidCursor       a cursor that no page of this list gave out

Invariant: errors of the driver never leave this package.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError

from meshwright.core.security.addresses import redacted


class StoreError(Exception):
    """The common part."""


class StoreUnavailable(StoreError):
    """MongoDB did not answer in time; views are behind, writes to the bus still work."""


class NotAdmissible(StoreError):
    """This database must not be used; the text says why and what to do."""


class InvalidAddress(StoreError):
    """The value is not a MongoDB URL; the text says what is wrong with it."""


class WentBack(StoreError):
    """An older copy of the database was put back while it was written to; the views are to be rebuilt."""


class NotYetVisible(StoreError):
    """The views have not reached that sequence; `seen` is how far they are."""

    def __init__(self, stream: str, wanted: int, seen: int) -> None:
        super().__init__(f"the views have folded in {stream} up to {seen}, not yet {wanted}")
        self.stream = stream
        self.wanted = wanted
        self.seen = seen


class UnknownField(StoreError):
    """A filter or sort names a field that cannot be used; the text lists those that can."""


class InvalidCursor(StoreError):
    """The cursor is not one that a page of this list gave out."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns the driver's errors into StoreUnavailable; `what` completes "could not ..."."""
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable(redacted(f"could not {what}: {error}")) from error
