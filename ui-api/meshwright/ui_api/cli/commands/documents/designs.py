"""`meshwright designs` and `meshwright releases`: desired state, and what was applied."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli.choices import DesignName, MeshFilter, ReasonOption, ServiceFilter, YesOption
from meshwright.ui_api.cli.client import paths, references, writing
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.commands.documents import importing
from meshwright.ui_api.cli.exits import RequestRefused
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import views
from meshwright.ui_api.cli.render.documents import designs as rendered

_MOST, _MOST_VERSIONS = 2000, 100
group = typer.Typer(help="Designs: saved documents and their versions.", no_args_is_help=True)
command(group, "import")(importing.design)
releases_group = typer.Typer(help="Releases: what was applied where, by whom and why.", no_args_is_help=True)


@lists(group, events=("design", "release", "drift"))
def index(session: Session) -> Listing:
    """List designs: their versions, where they are applied, and whether that is still so."""

    def render(items: list[dict[str, Any]]) -> Any:
        if not items:
            return rendered.designs(items, {}, [], [])
        applied, _ = session.api.list(paths.RELEASES, {"state": "applied"}, limit=_MOST)
        drifted, _ = session.api.list(paths.DRIFT, {}, limit=_MOST)
        versions = {each["id"]: _version(session, each["id"]) for each in items[:_MOST_VERSIONS]}
        return rendered.designs(items, versions, applied, drifted)

    return Listing(path=paths.DESIGNS, render=render)


def _version(session: Session, design: str) -> int:
    """The number of the newest version; 0 when it has gone meanwhile."""
    try:
        return session.api.request("GET", paths.one(paths.DESIGNS, design)).version
    except RequestRefused as refused:
        if refused.slug != "not-found":
            raise
        return 0


@command(group, "show")
def show(
    session: Session,
    design: DesignName,
    version: Annotated[int, typer.Option("--version", "-v", help="An earlier version; 0 is the newest.")] = 0,
) -> None:
    """Show a design; its YAML can be edited and applied again."""
    path = paths.one(paths.DESIGNS, design)
    document = session.api.get(f"{path}/versions/{version}")["design"] if version else session.api.get(path)
    session.output.show(document, views.document(document))


@lists(group, "versions", events=("design",), limit=50)
def versions(session: Session, design: DesignName) -> Listing:
    """Show the history of a design: who changed it, when and why."""
    return Listing(path=paths.one(paths.DESIGNS, design, "/versions"), render=rendered.versions)


@command(group, "restore")
def restore(
    session: Session,
    design: DesignName,
    version: Annotated[int, typer.Option("--version", "-v", help="The version that becomes the newest again.")],
    reason: ReasonOption = "",
) -> None:
    """Save an earlier version as the newest one; this applies nothing."""
    path = paths.one(paths.DESIGNS, design, ":restore")
    answer = session.api.request("POST", path, body={"version": version, "reason": reason}, headers={"if-match": "*"})
    session.output.say(f"design {design}: version {version} is saved again as version {answer.version}")
    if not session.output.human:
        session.output.data(answer.data)


@command(group, "delete")
def delete(session: Session, design: DesignName, yes: YesOption = False, reason: ReasonOption = "") -> None:
    """Delete a design; what was applied stays, and its history too."""
    session.confirm(f"Remove design {design} (what was applied stays)?", yes=yes)
    writing.delete(session, paths.one(paths.DESIGNS, design), reason)
    session.output.say(f"design {design} removed")


@lists(releases_group, events=("release",), limit=50)
def releases(
    session: Session,
    design: Annotated[str, typer.Option("--design", "-d", help="Only of this design.")] = "",
    mesh: MeshFilter = "",
    state: Annotated[str, typer.Option("--state", help="applied, superseded, rolled_back or removed.")] = "",
    service: ServiceFilter = "",
) -> Listing:
    """List releases, newest first."""
    params = {"design": design, "mesh": mesh, "state": state, "service": service}
    return Listing(path=paths.RELEASES, params=params, render=rendered.releases)


@command(releases_group, "show")
def release(
    session: Session,
    design: Annotated[str, typer.Argument(metavar="DESIGN", help="A design, or a release's id.")],
    revision: Annotated[int | None, typer.Argument(min=1, help="As in `releases list`.")] = None,
    mesh: MeshFilter = "",
) -> None:
    """Show a release with its design and inventory: by default the newest of the design."""
    document = references.release(session, design, str(revision or ""), mesh)
    session.output.show(document, views.document(document))
