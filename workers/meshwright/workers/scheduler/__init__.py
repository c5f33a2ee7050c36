"""The scheduler: ends operations that no worker ends, and publishes which adapters are live.

Problem: an operation whose worker never starts, a command that no worker can decode, an adapter that vanished: none of
them can report itself. Invariant: each of these becomes an event, exactly once, through restarts.
"""

from meshwright.workers.scheduler.main import main

__all__ = ["main"]
