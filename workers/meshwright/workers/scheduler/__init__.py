"""The scheduler: ends operations that no worker ends, and publishes which adapters are there.

Problem: an operation whose worker never comes, a command that no worker can read, an adapter that vanished: none
of them can report itself. Invariant: each of these becomes an event, once, whatever restarts in between.
"""

from meshwright.workers.scheduler.main import main

__all__ = ["main"]
