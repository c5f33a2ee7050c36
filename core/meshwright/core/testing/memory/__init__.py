"""The in-memory bus, for tests that need no server; tests/integration/bus runs one suite against it and the real
one.
"""

from meshwright.core.testing.memory.buckets import MemoryBucket
from meshwright.core.testing.memory.queues import MemoryJob, jobs
from meshwright.core.testing.memory.streams import MemoryBus, tail

__all__ = ["MemoryBucket", "MemoryBus", "MemoryJob", "jobs", "tail"]
