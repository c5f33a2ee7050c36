"""The adapter host: runs one adapter as a worker process.

Problem: an adapter author should write operations, not delivery semantics. Invariant: a command leaves the
host only after its terminal event is stored; whatever kills the host, another one continues from the journal.
"""

from meshwright.workers.host.main import main

__all__ = ["main"]
