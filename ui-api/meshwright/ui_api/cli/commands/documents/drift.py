"""`meshwright drift`: resources that differ from what a release applied."""

from typing import Annotated

import typer

from meshwright.ui_api.cli.choices import MeshFilter
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import views

group = typer.Typer(help="Drift: resources that differ from what a release applied.", no_args_is_help=True)


@lists(group, events=("drift",))
def index(
    session: Session,
    design: Annotated[str, typer.Option("--design", "-d", help="Only of this design.")] = "",
    mesh: MeshFilter = "",
) -> Listing:
    """List applied resources that were changed or removed by others."""
    return Listing(path=paths.DRIFT, params={"design": design, "mesh": mesh}, render=views.drift)
