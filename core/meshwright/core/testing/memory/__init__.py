"""The bus in memory, for tests that need no server; tests/integration/bus holds it to what the real one does."""

from meshwright.core.testing.memory.buckets import MemoryBucket
from meshwright.core.testing.memory.queues import MemoryJob, jobs
from meshwright.core.testing.memory.streams import MemoryBus, tail

__all__ = ["MemoryBucket", "MemoryBus", "MemoryJob", "jobs", "tail"]
