"""`meshwright drift`: resources that differ from what a release applied."""

from typing import Annotated

import typer

from meshwright.ui_api.cli.choices import DesignName, MeshFilter
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render.documents import designs as rendered

group = typer.Typer(help="Drift: resources that differ from what a release applied.", no_args_is_help=True)


@lists(group, events=("drift",))
def index(
    session: Session,
    design: Annotated[str, typer.Option("--design", "-d", help="Only of this design.")] = "",
    mesh: MeshFilter = "",
) -> Listing:
    """List applied resources that were changed or removed by others."""
    return Listing(path=paths.DRIFT, params={"design": design, "mesh": mesh}, render=rendered.drift)


@command(group, "show")
def show(session: Session, design: DesignName, mesh: MeshFilter = "") -> None:
    """Show what differs from the releases of a design: each field, what is wanted there and what is there."""
    items, _ = session.api.list(paths.DRIFT, {"design": design, "mesh": mesh}, limit=100)
    if not items:
        session.api.get(paths.one(paths.DESIGNS, design))  # says so when there is no such design
        session.output.say(f"nothing of {design} has drifted")
    session.output.show(items, rendered.drift_of_design(items))
