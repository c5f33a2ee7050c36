"""Stand-ins for the bus, so that what is kept in buckets can be tried by the thousand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.security import sealing
from meshwright.core.testing.memory import MemoryBucket, MemoryBus
from meshwright.schemas.base import Message


class MemoryRuntime:
    """The parts of a runtime that an adapter uses. `failing` publications are refused by the bus."""

    instance = "here"
    data_dir = Path("/nonexistent")

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.told: list[tuple[str, Message]] = []
        self.failing = 0
        self.sealer = sealing.Sealer([b"k" * 32])
        self.adapter = "envoy"
        self.servers = kit.OwnServers()

    async def bucket(self, name: str) -> MemoryBucket:
        """The bucket of that name."""
        return self.bus.bucket(name)

    async def emit(self, workspace: str, entity_id: str, message: Message) -> int:
        """Publish an event, unless the bus is unavailable."""
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
    """Creates runtimes that record what was published."""
    return MemoryRuntime
