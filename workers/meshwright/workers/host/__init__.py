"""The adapter host: runs one adapter as a worker process.

Problem: an adapter author should write operations, not delivery semantics. Invariant: a command is acknowledged only
after its terminal event is stored; when the host is killed, another one continues from the journal.
"""

from meshwright.workers.host.main import main

__all__ = ["main"]
