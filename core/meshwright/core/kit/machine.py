"""The machine that a worker runs on: programs, processes, threads, ports that are in use and ports that are reserved.

Invariant: these are the modules of `core.machine` that an adapter may use; what a local stack alone needs is not here.
"""

from meshwright.core.machine import binaries, listeners, ports, processes
from meshwright.core.machine.threads import in_thread

__all__ = ["binaries", "in_thread", "listeners", "ports", "processes"]
