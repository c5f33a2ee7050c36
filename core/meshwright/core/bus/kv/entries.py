"""What a bucket holds and tells: a value with its revision, and a change of a key.

Invariant: a revision names one value of one key for as long as the bucket exists.
"""

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A value and its revision, to be passed to `update`."""

    value: bytes
    revision: int


class Change(msgspec.Struct, frozen=True):
    """A key got a value, or lost it (`entry` is None) by deletion or expiry.

    An empty key marks the end of the initial values.
    """

    key: str
    entry: Entry | None
    expired: bool = False
