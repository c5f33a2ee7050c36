"""An in-memory bucket, with compare-and-set, expiry and watches like the real one.

Invariant: revisions rise by one with every write and deletion; a key that was deleted or has expired keeps its marker,
so only `create` and `put` give it a value again.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.testing.memory.news import Announcements

_POLL_S = 0.05
"""seconds between two checks for expired values"""


class _Newest(msgspec.Struct, frozen=True):
    """The last write of a key; without a value when it was deleted or has expired."""

    revision: int
    value: bytes | None
    expires: float | None = None
    expired: bool = False

    def change(self, key: str) -> mwbus.Change:
        entry = None if self.value is None else mwbus.Entry(self.value, self.revision)
        return mwbus.Change(key, entry, expired=self.expired)


class MemoryBucket:
    """One bucket; `writes` counts the writes and deletions. With `ttl` every value expires after that many seconds.

    `failure` is raised by every read and write while it is set.
    """

    def __init__(self, ttl: float = 0) -> None:
        self.writes = 0
        self.failure: Exception | None = None
        self._ttl = ttl
        self._newest: dict[str, _Newest] = {}
        self._news = Announcements()

    @property
    def entries(self) -> dict[str, mwbus.Entry]:
        """The present values, by key."""
        self._expire()
        return {key: change.entry for key, one in self._newest.items() if (change := one.change(key)).entry}

    async def get(self, key: str) -> mwbus.Entry | None:
        """The value of a key, or None; yields to other tasks."""
        self._answer()
        entry = self.entries.get(key)
        await asyncio.sleep(0)
        return entry

    async def create(self, key: str, value: bytes, ttl: float | None = None) -> int:
        """Set a key that has no value. Raises Conflict when it has one."""
        self._answer()
        if key in self.entries:
            raise mwbus.Conflict(f"{key} exists")
        return self._store(key, value, ttl)

    async def create_unused(self, key: str, value: bytes) -> int:
        """Set a key that never had a value and was never deleted. Raises Conflict otherwise."""
        self._answer()
        if key in self._newest:
            raise mwbus.Conflict(f"{key} was there before")
        return self._store(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replace the value that was read at `revision`. Raises Conflict."""
        self._answer()
        self._check(key, revision)
        return self._store(key, value)

    async def put(self, key: str, value: bytes) -> int:
        """Set a key unconditionally."""
        self._answer()
        return self._store(key, value)

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Remove a key; with `revision` only if that is still its revision. Raises Conflict."""
        self._answer()
        if revision is not None:
            self._check(key, revision)
        self._store(key, None)

    async def keys(self, prefix: str = "") -> list[str]:
        """The keys that start with `prefix`, sorted."""
        self._answer()
        return sorted(key for key in self.entries if key.startswith(prefix))

    @asynccontextmanager
    async def watch(self, prefix: str = "") -> AsyncIterator[AsyncIterator[mwbus.Change]]:
        """The present values, an empty Change, then each change."""
        yield self._changes(prefix)

    async def _changes(self, prefix: str) -> AsyncIterator[mwbus.Change]:
        seen, first = 0, True
        while True:
            self._expire()
            fresh = sorted((one.revision, key) for key, one in self._newest.items() if one.revision > seen)
            for revision, key in fresh:
                seen = revision
                if key.startswith(prefix):
                    yield self._newest[key].change(key)
            if first:
                first = False
                yield mwbus.Change("", None)
            elif self.writes == seen:
                await self._news.wait(_POLL_S)

    def _store(self, key: str, value: bytes | None, ttl: float | None = None, *, expired: bool = False) -> int:
        self.writes += 1
        lasts = None if value is None else ttl or self._ttl or None
        until = None if lasts is None else time.monotonic() + lasts
        self._newest[key] = _Newest(self.writes, value, until, expired)
        self._news.announce()
        return self.writes

    def _answer(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _expire(self) -> None:
        now = time.monotonic()
        for key, one in list(self._newest.items()):
            if one.expires is not None and one.expires <= now:
                self._store(key, None, expired=True)

    def _check(self, key: str, revision: int) -> None:
        self._expire()
        present = self._newest.get(key)
        if (present.revision if present else 0) != revision:
            raise mwbus.Conflict(f"{key} has changed")
