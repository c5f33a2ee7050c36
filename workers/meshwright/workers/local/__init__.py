"""`meshwright-local`: the whole of Meshwright on one host, as separate processes on loopback.

Invariant: every process that it starts carries one marker, keeps its data in one folder, and has ended after `down`.
"""


def main() -> None:
    """Entry point of the console command."""
    from meshwright.workers.local.command import main as run  # imported late: importing the package costs nothing

    run()
