"""`meshwright logs`: what proxies, workloads and the processes of a local stack write."""

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import suggestions
from meshwright.ui_api.cli.choices import MeshFilter
from meshwright.ui_api.cli.client import contexts, paths, references
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit

_LOOK = 1.0
_FOLDER = "logs"
_LONGEST_FILE = 1024 * 1024
Document = dict[str, Any]
LogName = Annotated[
    list[str],
    typer.Argument(
        metavar="KIND/NAME",
        help="proxy/front, workload/shop/reviews-v1, or worker/adapter-envoy of a local stack.",
    ),
]


def logs(
    session: Session,
    of: LogName,
    lines: Annotated[int, typer.Option("--tail", "--lines", min=1, max=2000, help="The newest lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")] = False,
    container: Annotated[str, typer.Option("--container", help="Of a pod; default the one that is meant.")] = "",
    mesh: MeshFilter = "",
) -> None:
    """Show the newest lines of a proxy's, a workload's or a worker's log."""
    kind = of[0].partition("/")[0].removesuffix("s")
    if kind in ("worker", "process"):
        files = _local_files()
        path = _local(files, of[1] if len(of) > 1 else of[0].partition("/")[2])

        def read() -> Document:
            return {"parts": [{"name": str(path), "text": _tail(path, lines)}]}
    else:
        reference = references.parse(of, mesh, ("proxy", "workload"))
        entity = references.resolve(session, reference)
        where = paths.one(reference.path, entity["id"], "/logs")
        session.output.say(" → ".join(references.breadcrumbs(reference.kind, entity)))

        def read() -> Document:
            return dict(session.api.get(where, {"lines": lines, "container": container}))

    document = read()
    if not session.output.human and not follow:
        session.output.data(document)
        return
    _show(session, document)
    while follow:
        time.sleep(_LOOK)
        newer = read()
        _show(session, _added(document, newer))
        document = newer


def _show(session: Session, document: Document) -> None:
    """The text of each part; where there are several, each line says whose it is."""
    several = len(document["parts"]) > 1
    for part in document["parts"]:
        if not session.output.human:
            for line in part["text"].splitlines():
                session.output.line({"name": part["name"], "line": line})
        elif part["text"]:
            mark = f"[{part['name']}] " if several else ""
            session.output.text("\n".join(f"{mark}{line}" for line in part["text"].splitlines()))


def _added(before: Document, now: Document) -> Document:
    """What each part has more than before."""
    known = {part["name"]: part["text"].splitlines() for part in before["parts"]}
    parts = [
        {**part, "text": "\n".join(new_lines(known.get(part["name"], []), part["text"].splitlines()))}
        for part in now["parts"]
    ]
    return {"parts": parts}


def new_lines(before: list[str], now: list[str]) -> list[str]:
    """The lines of a window that come behind those of the window before."""
    for size in range(min(len(before), len(now)), 0, -1):
        if before[-size:] == now[:size]:
            return now[size:]
    return now


def _local_files() -> dict[str, Path]:
    """The logs of the local stack's processes by name. Raises CommandFailed."""
    folder = contexts.local_folder(os.environ, Path.cwd())
    files = {path.stem: path for path in sorted((folder / _FOLDER).glob("*.log"))} if folder else {}
    if not files:
        raise CommandFailed(
            "there is no local stack here",
            code=Exit.USAGE,
            remedy="Workers of other hosts write their logs there. For a local stack go to the folder of `make up`.",
        )
    return files


def _local(files: dict[str, Path], name: str) -> Path:
    if name not in files:
        raise CommandFailed(
            f"there is no process {name}" if name else "name a process",
            code=Exit.USAGE,
            remedy=suggestions.did_you_mean(name, files),
        )
    return files[name]


def _tail(path: Path, lines: int) -> str:
    """The newest lines of a file, of its last mebibyte."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _LONGEST_FILE))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read", notes=(error.strerror or str(error),)) from error
