"""`meshwright check`, `version`, `projection`, `exit-codes`: about Meshwright itself."""

from typing import Any

import typer

from meshwright.ui_api.cli.choices import ReasonOption, YesOption
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import MEANINGS, CommandFailed, Exit
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import processes, views
from meshwright.ui_api.cli.render.output import table

projection_group = typer.Typer(help="The views in MongoDB (for admins).", no_args_is_help=True)


def version(session: Session) -> None:
    """Print the version of this program."""
    from importlib import metadata

    versions = {"meshwright": metadata.version("meshwright")}
    if session.output.human:
        session.output.text(f"meshwright {versions['meshwright']}")
    else:
        session.output.data(versions)


def exit_codes(session: Session) -> None:
    """Print the meaning of the exit codes."""
    codes = [{"code": int(code), "name": code.name.lower(), "means": text} for code, text in MEANINGS.items()]
    rows = ((one["code"], one["name"], one["means"]) for one in codes)
    session.output.show(codes, table(("code", "name", "means"), rows, right=("code",)))


def system(session: Session) -> None:
    """Show Meshwright itself: its streams and their room, how far the views are, and its workers."""
    document = session.api.get("/v1/system")
    session.output.show(document, processes.system(document))


def check(session: Session) -> None:
    """Check Meshwright: API, bus, database, views, adapters, meshes, proxies. Exit code 1 on a failure."""
    from meshwright.ui_api.cli import checking

    results = checking.checks(session)
    session.output.show([one.plain() for one in results], checking.report(results))
    if any(one.status == checking.BAD for one in results):
        raise typer.Exit(Exit.FAILURE)


@lists(projection_group, "set-aside", limit=50)
def set_aside(session: Session) -> Listing:
    """List messages that could not be folded into the views, and why."""
    return Listing(path=paths.SET_ASIDE, render=views.set_aside)


@command(projection_group, "rebuild")
def rebuild(session: Session, yes: YesOption = False, reason: ReasonOption = "") -> None:
    """Rebuild all views from the streams, beside the live ones, and switch over."""
    session.confirm("Rebuild all views from the streams?", yes=yes)
    try:
        document: dict[str, Any] = session.api.request("POST", paths.REBUILD, params={"reason": reason}).data
    except CommandFailed as failure:
        if getattr(failure, "status", 0) not in (404, 405):
            raise
        raise CommandFailed(
            "this server cannot rebuild its views on request",
            code=Exit.REFUSED,
            remedy="Run `meshwright-projector rebuild` where the projector runs.",
        ) from failure
    session.output.say("the views are being rebuilt; reads use the current ones meanwhile")
    if not session.output.human:
        session.output.data(document)
