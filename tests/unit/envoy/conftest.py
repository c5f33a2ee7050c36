"""Stand-ins for the bus, so that what is kept in buckets can be tried by the thousand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.security import sealing
from meshwright.schemas.base import Message


class MemoryBucket:
    """A bucket with compare-and-set, as the real one has it; `writes` counts what changed it."""

    def __init__(self) -> None:
        self.entries: dict[str, mwbus.Entry] = {}
        self.writes = 0

    async def get(self, key: str) -> mwbus.Entry | None:
        """The value of a key, or None; meanwhile others go on."""
        found = self.entries.get(key)
        await asyncio.sleep(0)
        return found

    async def create(self, key: str, value: bytes) -> int:
        """Set a key that has no value; raises Conflict when there is one."""
        if key in self.entries:
            raise mwbus.Conflict(f"{key} exists")
        return await self.put(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replace the value that was read at `revision`; raises Conflict."""
        self._check(key, revision)
        return await self.put(key, value)

    async def put(self, key: str, value: bytes) -> int:
        """Set a key whatever it held."""
        self.writes += 1
        self.entries[key] = mwbus.Entry(value, self.writes)
        return self.writes

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Remove a key; with `revision` only if that is still its value, or Conflict."""
        if revision is not None:
            self._check(key, revision)
        self.writes += 1
        self.entries.pop(key, None)

    async def keys(self, prefix: str = "") -> list[str]:
        """The keys that start with `prefix`, sorted."""
        return sorted(key for key in self.entries if key.startswith(prefix))

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[mwbus.Change]]:
        """What is there, then the mark of its end; news never come."""

        async def changes() -> AsyncIterator[mwbus.Change]:
            for key, entry in sorted(self.entries.items()):
                yield mwbus.Change(key, entry)
            yield mwbus.Change("", None)

        yield changes()

    def _check(self, key: str, revision: int) -> None:
        present = self.entries.get(key)
        if present is None or present.revision != revision:
            raise mwbus.Conflict(f"{key} has changed")


class MemoryRuntime:
    """What an adapter uses of its process. `failing` tells of the next messages are refused by the bus."""

    instance = "here"
    data_dir = Path("/nonexistent")

    def __init__(self) -> None:
        self.buckets: dict[str, MemoryBucket] = {}
        self.told: list[tuple[str, Message]] = []
        self.failing = 0
        self.sealer = sealing.Sealer([b"k" * 32])
        self.adapter = "envoy"
        self.servers = kit.OwnServers()

    async def bucket(self, name: str) -> MemoryBucket:
        """The bucket of that name."""
        return self.buckets.setdefault(name, MemoryBucket())

    async def emit(self, workspace: str, entity_id: str, message: Message) -> int:
        """Tell a fact, unless the bus is away."""
        if self.failing:
            self.failing -= 1
            raise mwbus.BusUnavailable("the bus is away")
        self.told.append((entity_id, message))
        return len(self.told)


@pytest.fixture(scope="session")
def bucket() -> Callable[[], Any]:
    """Makes empty buckets."""
    return MemoryBucket


@pytest.fixture(scope="session")
def runtime() -> Callable[[], Any]:
    """Makes runtimes that remember what was told."""
    return MemoryRuntime
