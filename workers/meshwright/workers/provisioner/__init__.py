"""`meshwright-nats`: creates the users, streams and buckets of a NATS server.

Invariant: it changes nothing that exists; it writes the folder of credentials and sets up the streams.
"""


def main() -> None:
    """Entry point of the console command."""
    from meshwright.workers.provisioner.command import main as run  # imported late: importing the package costs nothing

    run()
