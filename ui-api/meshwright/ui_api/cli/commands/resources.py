"""`meshwright resources`: the objects of clusters, as observed by discovery."""

from typing import Annotated, Any

import typer

from meshwright.schemas import ids
from meshwright.ui_api.cli.choices import NamespaceFilter
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import views

group = typer.Typer(help="Objects of clusters, as observed by discovery: list, show.", no_args_is_help=True)

ConnectionFilter = Annotated[str, typer.Option("--connection", "-c", help="Only of this connection.")]
KindFilter = Annotated[str, typer.Option("--kind", "-k", help="As in Deployment.")]
GroupFilter = Annotated[str, typer.Option("--group", help="The API group; `core` for the one without a name.")]


@lists(group)
def index(
    session: Session,
    connection: ConnectionFilter = "",
    kind: KindFilter = "",
    api_group: GroupFilter = "",
    namespace: NamespaceFilter = "",
    labels: Annotated[str, typer.Option("--selector", "-l", help="As in app=reviews,version in (v1,v2).")] = "",
    text: Annotated[str, typer.Option("--text", "-t", help="Text in its JSON content, ignoring case.")] = "",
) -> Listing:
    """List the objects of clusters, by namespace, kind, label and text."""
    params = {
        "connection": connection,
        "kind": kind,
        "group": api_group,
        "namespace": namespace,
        "labels": labels,
        "text": text,
    }
    return Listing(path=paths.RESOURCES, params=params, render=views.resources)


@command(group, "show")
def show(
    session: Session,
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="An id, or KIND/NAME as in Deployment/reviews.")],
    connection: ConnectionFilter = "",
    api_group: GroupFilter = "",
    namespace: NamespaceFilter = "",
) -> None:
    """Show an object as it was last observed, without its secrets."""
    if ids.SEPARATOR in resource:
        identity = resource
    else:
        kind, slash, name = resource.partition("/")
        if not slash:
            raise CommandFailed(f"{resource} is not KIND/NAME", code=Exit.USAGE, remedy="As in Deployment/reviews.")
        params = {"connection": connection, "group": api_group, "kind": kind, "namespace": namespace, "name": name}
        identity = _only(session, resource, params)
    document = session.api.get(paths.one(paths.RESOURCES, identity))
    session.output.show(document, views.document(document))


def _only(session: Session, asked: str, params: dict[str, Any]) -> str:
    """The id of the only match. Raises CommandFailed."""
    matches, _ = session.api.list(paths.RESOURCES, params, limit=20)
    if len(matches) == 1:
        return str(matches[0]["id"])
    if matches:
        raise CommandFailed(
            f"there are several {asked}",
            code=Exit.USAGE,
            notes=tuple(one["id"] for one in matches),
            remedy="Add --connection, --namespace or --group, or use the id.",
        )
    raise CommandFailed(
        f"there is no {asked}", code=Exit.REFUSED, remedy="`meshwright resources list` shows the known ones."
    )
