"""Options that several commands share.

Invariant: one option has one spelling, one meaning and one help text everywhere.
"""

from typing import Annotated, Any

import typer

from meshwright.core.telemetry import sanitizing
from meshwright.schemas.base import seconds
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit


def names(collection: str, incomplete: str) -> list[str]:
    """Names that start like this, for the shell; nothing when the server does not answer at once."""
    from meshwright.ui_api.cli.client.session import Options

    session = Session(Options(quiet=True))
    try:
        found, _ = session.completing_api.list(collection, limit=200)
        return [name for one in found if (name := one["id"]).startswith(incomplete) and name == sanitizing.line(name)]
    except CommandFailed:
        return []
    finally:
        session.close()


def _meshes(incomplete: str) -> list[str]:
    return names(paths.MESHES, incomplete)


def _designs(incomplete: str) -> list[str]:
    return names(paths.DESIGNS, incomplete)


def _operations(incomplete: str) -> list[str]:
    return names(paths.OPERATIONS, incomplete)


def duration(text: str | float) -> float:
    """Seconds from `90`, `90s`, `5m` …; for options, whose default is a number. Raises BadParameter."""
    if isinstance(text, float):
        return text
    try:
        return float(text) if text.replace(".", "", 1).isdigit() else seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


MeshName = Annotated[str, typer.Argument(metavar="MESH", autocompletion=_meshes)]
DesignName = Annotated[str, typer.Argument(metavar="DESIGN", autocompletion=_designs)]
OperationId = Annotated[str, typer.Argument(metavar="OPERATION", autocompletion=_operations)]
DesignFile = Annotated[str, typer.Argument(metavar="FILE", help="A design in YAML or JSON; - for stdin.")]
MeshOption = Annotated[
    str, typer.Option("--mesh", "-m", help="Which mesh; may be left out when there is one.", autocompletion=_meshes)
]
MeshFilter = Annotated[str, typer.Option("--mesh", "-m", help="Only of this mesh.", autocompletion=_meshes)]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Stay and show each step.")]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout", parser=duration, metavar="TIME", help="Wait no longer than this (90s, 5m); implies --wait."
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why, for the history.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def mesh_or_only(session: Session, mesh: str) -> str:
    """The mesh that was named, or the only one there is. Raises CommandFailed."""
    if mesh:
        return mesh
    found, _ = session.api.list(paths.MESHES, limit=10)
    if len(found) == 1:
        return str(found[0]["id"])
    known = ", ".join(one["id"] for one in found)
    raise CommandFailed(
        f"choose a mesh: there are {known}" if found else "there is no mesh yet",
        code=Exit.USAGE,
        remedy="Add --mesh NAME." if found else "`meshwright meshes install NAME --connection CONNECTION` makes one.",
    )


def found_all(session: Session, path: str, params: dict[str, Any], limit: int) -> list[Any]:
    """A list up to the limit; says so when there is more."""
    items, more = session.api.list(path, params, limit=limit)
    if more:
        session.output.say(f"(only the first {limit}; --limit shows more)")
    return items
