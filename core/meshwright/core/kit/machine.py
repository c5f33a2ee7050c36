"""The machine that a worker runs on: programs, processes, the ports they listen at, and ports that are reserved.

Invariant: these are the modules of `core.machine` that an adapter may use; what a local stack alone needs is not here.
"""

from meshwright.core.machine import binaries, listeners, ports, processes

__all__ = ["binaries", "listeners", "ports", "processes"]
