"""The command line `meshwright`: a client of the REST API for terminals and scripts.

Problem: a user wants tables and live steps, a script wants JSON and an exit code, from the same commands. Invariant: it
uses only the REST API; data goes to stdout and messages to stderr; every exit has one of the documented codes
(`exits`). Heavy modules are imported only when a command needs them.
"""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from meshwright.ui_api.cli import program

        program.run()
    except KeyboardInterrupt:  # while modules are imported; commands handle their own
        sys.exit(130)
