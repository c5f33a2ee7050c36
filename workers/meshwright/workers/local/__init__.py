"""`meshwright-local`: the whole of Meshwright on one machine, as separate processes on loopback.

Invariant: everything that it starts carries one marker, keeps its data in one folder, and is gone after `down`.
"""


def main() -> None:
    """Entry point of the console command."""
    from meshwright.workers.local.command import main as run  # late: importing the package costs nothing

    run()
