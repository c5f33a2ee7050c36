"""`meshwright drift`: resources that differ from what a release applied."""

from typing import Annotated

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import MeshFilter
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.render import views

group = typer.Typer(help="Drift: resources that differ from what a release applied.", no_args_is_help=True)


@command(group, "list")
def index(
    session: Session,
    design: Annotated[str, typer.Option("--design", "-d", help="Only of this design.")] = "",
    mesh: MeshFilter = "",
    limit: choices.LimitOption = 500,
) -> None:
    """List applied resources that were changed or removed by others."""
    items = choices.list_all(session, paths.DRIFT, {"design": design, "mesh": mesh}, limit)
    session.output.show(items, views.drift(items))
