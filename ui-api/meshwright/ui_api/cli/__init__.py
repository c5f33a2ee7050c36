"""The command line `meshwright`: the REST API for hands and scripts.

Problem: a person wants tables and live steps, a script wants JSON and an exit code, from the same commands.
Invariant: it speaks only to the REST API; data goes to stdout and talk to stderr; every ending has one of the
documented exit codes (`exits`). Nothing heavy is imported before a command needs it.
"""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from meshwright.ui_api.cli import program

    program.run()
