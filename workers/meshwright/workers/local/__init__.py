"""`meshwright-local`: the whole of Meshwright on one host, as separate processes on loopback.

Invariant: every process that it starts carries one marker, keeps its data in one folder, and has ended after `down`.
"""

import sys


def main() -> None:
    """Entry point of the console command."""
    try:
        from meshwright.workers.local.command import main as run  # imported late: importing the package costs nothing

        run()
    except KeyboardInterrupt:  # before anything was started, or after everything was stopped
        sys.exit(130)
