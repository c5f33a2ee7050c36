"""`meshwright webhooks`: HTTP endpoints that get events, and the result of each delivery."""

import time
from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import ReasonOption, YesOption
from meshwright.ui_api.cli.client import paths, writing
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import views

group = typer.Typer(help="Webhooks: HTTP endpoints that get events.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="WEBHOOK")]
_LOOK = 0.3


@lists(group, events=("webhook",))
def index(session: Session) -> Listing:
    """List webhooks."""
    return Listing(path=paths.WEBHOOKS, render=views.webhooks)


@command(group, "show")
def show(session: Session, webhook: Name) -> None:
    """Show a webhook."""
    document = session.api.get(paths.one(paths.WEBHOOKS, webhook))
    session.output.show(document, views.document(document))


@command(group, "set")
def put(
    session: Session,
    webhook: Name,
    url: Annotated[str, typer.Option("--url", help="The URL that events are sent to: http or https.")],
    type: Annotated[
        list[str] | None,
        typer.Option("--type", "-t", help="Wire name, or its prefix up to a dot; may be repeated. Default all."),
    ] = None,
    entity: Annotated[
        list[str] | None, typer.Option("--entity", "-e", help="As in operation or mesh; may be repeated. Default all.")
    ] = None,
    enabled: Annotated[bool, typer.Option("--enabled/--disabled", help="Whether anything is sent.")] = True,
    description: Annotated[str, typer.Option("--description")] = "",
    reason: ReasonOption = "",
) -> None:
    """Create a webhook, or replace its settings. A new one's secret is printed to stdout, only this once."""
    body = {
        "id": webhook,
        "url": url,
        "types": type or [],
        "entities": entity or [],
        "enabled": enabled,
        "description": description,
    }
    answer = writing.save(session, paths.one(paths.WEBHOOKS, webhook), body, reason)
    session.output.say(f"webhook {webhook} saved")
    _show_secret(session, answer.data)


@command(group, "delete")
def delete(session: Session, webhook: Name, yes: YesOption = False, reason: ReasonOption = "") -> None:
    """Delete a webhook; pending events are not delivered any more."""
    session.confirm(f"Remove webhook {webhook}?", yes=yes)
    writing.delete(session, paths.one(paths.WEBHOOKS, webhook), reason)
    session.output.say(f"webhook {webhook} removed")


@lists(group, "deliveries", events=("delivery",), limit=50)
def deliveries(
    session: Session,
    webhook: Name,
    state: Annotated[str, typer.Option("--state", help="delivered, retrying or failed.")] = "",
) -> Listing:
    """List the result of each event, newest first."""
    path = paths.one(paths.WEBHOOKS, webhook, "/deliveries")
    return Listing(path=path, params={"state": state}, render=views.deliveries)


@command(group, "replay")
def replay(
    session: Session,
    webhook: Name,
    from_event: Annotated[
        int | None, typer.Option("--from", min=1, metavar="EVENT", help="Everything from this event's number on.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Events that failed after the last attempt.")] = False,
    reason: ReasonOption = "",
) -> None:
    """Deliver events again."""
    if failed == (from_event is not None):
        raise CommandFailed("select what to deliver again", code=Exit.USAGE, remedy="Add --from EVENT or --failed.")
    body = {"from_event": from_event, "failed": failed, "reason": reason}
    answer = session.api.request("POST", paths.one(paths.WEBHOOKS, webhook, ":replay"), body=body).data
    what = f"{answer['deliveries']} failed deliveries are" if failed else f"everything from event {from_event} on is"
    session.output.say(f"{what} delivered again; follow it with: meshwright webhooks deliveries {webhook}")
    if not session.output.human:
        session.output.data(answer)


@command(group, "rotate-secret")
def rotate(session: Session, webhook: Name, reason: ReasonOption = "") -> None:
    """Create a new secret, printed to stdout, only this once. The old one signs too for 24 hours."""
    body = {"reason": reason}
    rotated = session.api.request("POST", paths.one(paths.WEBHOOKS, webhook, ":rotate-secret"), body=body).data
    _show_secret(session, rotated)


@command(group, "test")
def ping(
    session: Session,
    webhook: Name,
    timeout: Annotated[
        float,
        typer.Option("--timeout", parser=choices.duration, metavar="TIME", help="How long to wait for the outcome."),
    ] = 15.0,
) -> None:
    """Deliver a ping and report the endpoint's response."""
    sent = session.api.request("POST", paths.one(paths.WEBHOOKS, webhook, ":test"), body={}).data
    outcome = _outcome(session, webhook, sent["event"], timeout)
    if not session.output.human:
        session.output.data(outcome or sent)
    if outcome is None:
        remedy = f"See `meshwright webhooks deliveries {webhook}`; deliveries need a running meshwright-notifier."
        raise CommandFailed("no outcome yet", code=Exit.STILL_RUNNING, remedy=remedy)
    if outcome["state"] != "delivered":
        again = "It is retried automatically." if outcome["state"] == "retrying" else "It is not retried."
        raise CommandFailed(f"the ping was not delivered: {outcome['detail']}", remedy=again)
    session.output.say(f"the ping was delivered: the endpoint answered {outcome['status']}")


def _outcome(session: Session, webhook: str, event: int, timeout: float) -> dict[str, Any] | None:
    """The first result of a delivery, or None when there is none in time."""
    path = paths.one(paths.WEBHOOKS, webhook, "/deliveries")
    deadline = time.monotonic() + timeout
    while True:
        page, _ = session.api.list(path, {"event": event}, limit=1)
        if page:
            return dict(page[0])
        if time.monotonic() > deadline:
            return None
        time.sleep(_LOOK)


def _show_secret(session: Session, document: dict[str, Any]) -> None:
    if not session.output.human:
        session.output.data(document)
    elif document.get("secret"):
        session.output.say("this is its secret, which is not shown again:")
        session.output.text(document["secret"])
