"""Showing one document, once or again and again.

Invariant: with --watch a terminal is repainted, a pipe gets one document after the other, and a program one line each.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.client.session import Session

if TYPE_CHECKING:
    from rich.console import RenderableType

Rendered: TypeAlias = "Callable[[Any], RenderableType]"
EVERY = 2.0
WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Refresh it until Ctrl-C.")]
EveryOption = Annotated[
    float,
    typer.Option("--every", parser=choices.duration, metavar="TIME", help="The refresh interval with --watch."),
]


def show(
    session: Session,
    path: str,
    params: Callable[[], dict[str, Any]],
    render: Rendered,
    *,
    watch: bool,
    every: float,
) -> None:
    """Show a document, with `watch` until Ctrl-C. `params` are asked for each time, as they depend on it."""
    if not watch:
        document = session.api.get(path, params())
        session.output.show(document, render(document))
        return
    if session.output.human and session.output.out.is_terminal:
        _animate(session, lambda: render(session.api.get(path, params())), every)
        return
    while True:
        document = session.api.get(path, params())
        if session.output.human:
            session.output.show(document, render(document))
        else:
            session.output.line(document)
        time.sleep(every)


def _animate(session: Session, look: Callable[[], Any], every: float) -> None:
    from rich.live import Live

    with Live(look(), console=session.output.out, auto_refresh=False, screen=False) as screen:
        while True:
            time.sleep(every)
            screen.update(look(), refresh=True)
