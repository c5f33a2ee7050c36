"""`meshwright topology`: which services call which, how often, with which errors."""

import time
from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import MeshOption
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.render import graph

EVERY = 2.0


def topology(
    session: Session,
    mesh: MeshOption = "",
    watch: Annotated[bool, typer.Option("--watch", "-W", help="Refresh it until Ctrl-C.")] = False,
    every: Annotated[
        float,
        typer.Option("--every", parser=choices.duration, metavar="TIME", help="The refresh interval with --watch."),
    ] = EVERY,
) -> None:
    """Show the graph of a mesh: requests/s, errors and latencies per edge, from the sidecars' own statistics."""
    path = paths.one(paths.MESHES, choices.mesh_or_only(session, mesh), "/topology")
    if not watch:
        document = session.api.get(path)
        session.output.show(document, graph.topology(document))
        return
    if session.output.human and session.output.out.is_terminal:
        _animate(session, path, every)
        return
    while True:
        document = session.api.get(path)
        if session.output.human:
            session.output.show(document, graph.topology(document))
        else:
            session.output.line(document)
        time.sleep(every)


def _animate(session: Session, path: str, every: float) -> None:
    from rich.live import Live

    def look() -> Any:
        return graph.topology(session.api.get(path))

    with Live(look(), console=session.output.out, auto_refresh=False, screen=False) as screen:
        while True:
            time.sleep(every)
            screen.update(look(), refresh=True)
