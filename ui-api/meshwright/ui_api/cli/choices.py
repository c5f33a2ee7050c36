"""Options that several commands share.

Invariant: one option has one spelling, one meaning and one help text everywhere.
"""

import contextlib
import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshwright.schemas import ids
from meshwright.schemas.base import seconds, service_parts
from meshwright.ui_api.cli import suggestions
from meshwright.ui_api.cli.client import naming, paths
from meshwright.ui_api.cli.client.session import Session, completions
from meshwright.ui_api.cli.exits import CommandFailed, Exit

if TYPE_CHECKING:
    from meshwright.ui_api.cli.client import documents


def _meshes(incomplete: str) -> list[str]:
    return completions(paths.MESHES, incomplete)


def _designs(incomplete: str) -> list[str]:
    return completions(paths.DESIGNS, incomplete)


def _workloads(incomplete: str) -> list[str]:
    return completions(paths.WORKLOADS, incomplete)


def _proxies(incomplete: str) -> list[str]:
    return completions(paths.PROXIES, incomplete)


def _operations(incomplete: str) -> list[str]:
    return completions(paths.OPERATIONS, incomplete)


def duration(text: str | float) -> float:
    """Seconds from `90`, `90s`, `5m` …; for options, whose default is a number. Raises BadParameter."""
    if isinstance(text, float):
        return text
    try:
        return float(text) if text.replace(".", "", 1).isdigit() else seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def moment(text: str, option: str = "--since") -> str:
    """A time in the API's form: one in that form already, or that long ago, as `10m`.

    Raises BadParameter about that option.
    """
    with contextlib.suppress(ValueError):
        then = datetime.datetime.fromisoformat(text)
        return (then if then.tzinfo else then.astimezone()).isoformat()
    try:
        ago = float(text[:-1]) * 86_400 if text.endswith("d") else duration(text)
    except (ValueError, typer.BadParameter):
        complaint = f"{text!r} is no time: write 10m, 2h, 3d or 2026-11-23T21:00:00Z"
        raise typer.BadParameter(complaint, param_hint=repr(option)) from None
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ago)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


SinceOption = Annotated[
    str, typer.Option("--since", metavar="TIME", help="Not before this: 10m, 2h, 3d ago, or 2026-11-23T21:00:00Z.")
]
MeshName = Annotated[str, typer.Argument(metavar="MESH", autocompletion=_meshes)]
DesignName = Annotated[str, typer.Argument(metavar="DESIGN", autocompletion=_designs)]
OperationId = Annotated[str, typer.Argument(metavar="OPERATION", autocompletion=_operations)]
WorkloadName = Annotated[
    str, typer.Argument(metavar="WORKLOAD", help="A name, namespace/name, or id.", autocompletion=_workloads)
]
WorkloadNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="WORKLOAD...", help="Names, namespace/name, or ids.", autocompletion=_workloads),
]
ProxyName = Annotated[
    str, typer.Argument(metavar="PROXY", help="A name, namespace/name, or id.", autocompletion=_proxies)
]
DesignFiles = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE...", help="Designs in YAML or JSON: files, folders, or - for stdin."),
]
FilesOption = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", help="The same; a folder is read with its subfolders. May be repeated."),
]
MeshOption = Annotated[
    str, typer.Option("--mesh", "-m", help="The mesh; may be omitted if there is only one.", autocompletion=_meshes)
]
NameFilter = Annotated[str, typer.Option("--name", help="Only those of this name.")]
NamespaceFilter = Annotated[str, typer.Option("--namespace", "-n", help="Only of this namespace.")]
MeshFilter = Annotated[str, typer.Option("--mesh", "-m", help="Only of this mesh.", autocompletion=_meshes)]
ServiceFilter = Annotated[
    str, typer.Option("--service", help="Only what acts on this service, name or namespace/name, or on all services.")
]
MatchOption = Annotated[
    str, typer.Option("--match", metavar="WORDS", help="Only those that have each of these words in a name or text.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most this many.")]
WaitOption = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait and show each step, or print the operation's id at once.")
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", parser=duration, metavar="TIME", help="Wait at most this long (90s, 5m)."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why, for the history.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def designs(given: list[str] | None, also: list[str] | None) -> list["documents.Document"]:
    """The designs of the files that were named, either way. Raises CommandFailed."""
    from meshwright.ui_api.cli.client import documents

    names = [*(given or []), *(also or [])]
    if not names:
        raise CommandFailed(
            "no file was named", code=Exit.USAGE, remedy="Name a file or a folder, or - for standard input."
        )
    return documents.load_designs(names)


def mesh_or_only(session: Session, mesh: str) -> str:
    """The mesh with that name, or the only one. Raises CommandFailed."""
    if mesh:
        return mesh
    meshes, _ = session.api.list(paths.MESHES, limit=10)
    if len(meshes) == 1:
        return str(meshes[0]["id"])
    known = ", ".join(one["id"] for one in meshes)
    raise CommandFailed(
        f"choose a mesh: there are {known}" if meshes else "there is no mesh yet",
        code=Exit.USAGE,
        remedy="Add --mesh NAME."
        if meshes
        else "`meshwright meshes install NAME --connection CONNECTION` creates one.",
    )


def entity(session: Session, collection: str, text: str, mesh: str = "") -> dict[str, Any]:
    """The workload or proxy of this id, name or `namespace/name`, in `mesh` if one is given.

    Raises CommandFailed when there is none, or several, which are listed.
    """
    if ids.SEPARATOR in text:
        return dict(session.api.get(paths.one(collection, text)))
    namespace, name = service_parts(text)
    params = {"mesh": mesh, "namespace": namespace, "name": name}
    matches, _ = session.api.list(collection, params, limit=20) if name else ([], False)
    if len(matches) == 1:
        return dict(matches[0])
    what = collection.rpartition("/")[2]
    if matches:
        raise CommandFailed(
            f"there are several {what} called {text}",
            code=Exit.USAGE,
            notes=tuple(one["id"] for one in matches),
            remedy="Add --mesh NAME, write namespace/name, or use the id.",
        )
    where = f" in mesh {mesh}" if mesh else ""
    others, _ = session.api.list(collection, {"mesh": mesh, "namespace": namespace}, limit=200)
    known = [naming.full_name(one) for one in others]
    near = suggestions.near(text if "/" in text else name, [*known, *(one["name"] for one in others)])
    raise CommandFailed(
        f"there is no {text!r} among the {what}{where}",
        code=Exit.REFUSED,
        remedy=suggestions.did_you_mean(text, near or known) or f"There are no {what}{where}.",
    )


def list_all(session: Session, path: str, params: dict[str, Any], limit: int) -> list[Any]:
    """A list up to the limit; says so when there is more."""
    items, more = session.api.list(path, params, limit=limit)
    if more:
        session.output.say(f"(only the first {limit}; --limit shows more)")
    return items
