"""`meshwright topology`: which services call which, how often, with which errors."""

import datetime
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
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh it until Ctrl-C.")] = False,
    every: Annotated[
        float,
        typer.Option("--every", parser=choices.duration, metavar="TIME", help="The refresh interval with --watch."),
    ] = EVERY,
    since: Annotated[
        float,
        typer.Option("--since", parser=choices.duration, metavar="TIME", help="All windows since then, added up."),
    ] = 0.0,
) -> None:
    """Show the graph of a mesh: requests/s, errors, latencies and mutual TLS per edge.

    It is measured from the proxies' own statistics, or read from the Prometheus of a connection.
    """
    path = paths.one(paths.MESHES, choices.mesh_or_only(session, mesh), "/topology")
    if not watch:
        document = session.api.get(path, _window(since))
        session.output.show(document, graph.topology(document))
        return
    if session.output.human and session.output.out.is_terminal:
        _animate(session, path, every, since)
        return
    while True:
        document = session.api.get(path, _window(since))
        if session.output.human:
            session.output.show(document, graph.topology(document))
        else:
            session.output.line(document)
        time.sleep(every)


def _animate(session: Session, path: str, every: float, since: float) -> None:
    from rich.live import Live

    def look() -> Any:
        return graph.topology(session.api.get(path, _window(since)))

    with Live(look(), console=session.output.out, auto_refresh=False, screen=False) as screen:
        while True:
            time.sleep(every)
            screen.update(look(), refresh=True)


def _window(since: float) -> dict[str, str]:
    """What is asked for: the newest window, or all since then."""
    if not since:
        return {}
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=since)
    return {"since": begin.isoformat(timespec="milliseconds")}
