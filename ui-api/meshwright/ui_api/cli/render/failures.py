"""The output of failures.

Invariant: people get what happened, every detail and the remedy, on stderr; with JSON or YAML output the API's problem
document is on stderr, complete.
"""

from typing import Any

from meshwright.ui_api.cli.exits import CommandFailed, RequestRefused
from meshwright.ui_api.cli.render.formats import Format
from meshwright.ui_api.cli.render.output import Output


def show(output: Output, failure: CommandFailed) -> None:
    """Write a failure to stderr."""
    if output.format in (Format.JSON, Format.YAML):
        _for_programs(output, failure)
        return
    from rich.text import Text

    text = Text.assemble(("error: ", "bold red"), failure.what)
    for note in failure.notes:
        text.append(f"\n  {note}")
    if failure.remedy:
        text.append("\n  → ", "bold").append(failure.remedy)
    output.err.print(text)


def _for_programs(output: Output, failure: CommandFailed) -> None:
    import sys

    from meshwright.ui_api.cli.render.output import as_json, as_yaml

    document: dict[str, Any] = {
        "title": failure.what,
        "detail": "; ".join(failure.notes),
        "remedy": failure.remedy,
    }
    if isinstance(failure, RequestRefused):
        document = {**failure.problem, "remedy": failure.remedy or failure.problem.get("remedy", "")}
    document = {**document, "exit_code": int(failure.code)}
    if output.format is Format.YAML:
        sys.stderr.write(as_yaml(document))
    else:
        sys.stderr.write(as_json(document) + "\n")
