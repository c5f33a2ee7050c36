"""`meshwright tokens` and `meshwright workspaces`: access control."""

from typing import Annotated

import typer

from meshwright.ui_api.cli.choices import ReasonOption, YesOption
from meshwright.ui_api.cli.client import paths, writing
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import views

tokens_group = typer.Typer(help="API tokens (for admins).", no_args_is_help=True)
workspaces_group = typer.Typer(help="Workspaces (tenants).", no_args_is_help=True)
TokenName = Annotated[str, typer.Argument(metavar="TOKEN")]
WorkspaceName = Annotated[str, typer.Argument(metavar="WORKSPACE")]


@lists(tokens_group, events=("token",))
def tokens(session: Session) -> Listing:
    """List tokens, without their secrets."""
    return Listing(path=paths.TOKENS, render=views.tokens, paged=False)


@command(tokens_group, "create")
def create(
    session: Session,
    token: TokenName,
    role: Annotated[str, typer.Option("--role", help="viewer, operator or admin.")],
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Valid in all workspaces.")] = False,
    description: Annotated[str, typer.Option("--description")] = "",
    expires: Annotated[str, typer.Option("--expires", help="Expiry (2027-01-01T00:00:00Z); default never.")] = "",
    reason: ReasonOption = "",
) -> None:
    """Create a token. Its secret is printed to stdout, only this once."""
    body = {"id": token, "role": role, "everywhere": everywhere, "description": description}
    if expires:
        body["expires_at"] = expires
    created = session.api.request("POST", paths.TOKENS, body=body, params={"reason": reason}).data
    session.output.say(f"token {token} ({role}) created; this is its secret, which is not shown again:")
    if session.output.human:
        session.output.text(created["secret"])
    else:
        session.output.data(created)


@command(tokens_group, "delete")
def delete(session: Session, token: TokenName, yes: YesOption = False, reason: ReasonOption = "") -> None:
    """Revoke a token."""
    session.confirm(f"Revoke token {token}?", yes=yes)
    session.api.request("DELETE", paths.one(paths.TOKENS, token), params={"reason": reason})
    session.output.say(f"token {token} revoked")


@lists(workspaces_group, events=("workspace",))
def workspaces(session: Session) -> Listing:
    """List the workspaces that the token may see."""
    return Listing(path=paths.WORKSPACES, render=views.workspaces, paged=False)


@command(workspaces_group, "set")
def put(
    session: Session,
    name: WorkspaceName,
    description: Annotated[str, typer.Option("--description")] = "",
    reason: ReasonOption = "",
) -> None:
    """Create a workspace, or change its description."""
    body = {"id": name, "description": description}
    answer = writing.save(session, paths.one(paths.WORKSPACES, name), body, reason)
    session.output.say(f"workspace {name} saved")
    if not session.output.human:
        session.output.data(answer.data)


@command(workspaces_group, "delete")
def delete_workspace(session: Session, name: WorkspaceName, yes: YesOption = False, reason: ReasonOption = "") -> None:
    """Remove an empty workspace."""
    session.confirm(f"Remove workspace {name}?", yes=yes)
    writing.delete(session, paths.one(paths.WORKSPACES, name), reason)
    session.output.say(f"workspace {name} removed")
