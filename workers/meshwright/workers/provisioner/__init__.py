"""`meshwright-nats`: the users of a NATS server, and the streams that they find made.

Invariant: it changes nothing that is there already; it writes the folder of credentials and sets up the streams.
"""


def main() -> None:
    """Entry point of the console command."""
    from meshwright.workers.provisioner.command import main as run  # late: importing the package costs nothing

    run()
