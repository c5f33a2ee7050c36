"""`meshwright drift`: what is no longer as a release applied it."""

from typing import Annotated

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import MeshFilter
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.render import views

group = typer.Typer(help="Drift: what is no longer as a release applied it.", no_args_is_help=True)


@command(group, "list")
def index(
    session: Session,
    design: Annotated[str, typer.Option("--design", "-d", help="Only of this design.")] = "",
    mesh: MeshFilter = "",
    limit: choices.LimitOption = 500,
) -> None:
    """List resources that somebody else changed or removed."""
    items = choices.list_all(session, paths.DRIFT, {"design": design, "mesh": mesh}, limit)
    session.output.show(items, views.drift(items))
