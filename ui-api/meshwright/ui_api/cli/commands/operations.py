"""`meshwright operations`: requests, their progress, and how they ended."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import MeshFilter, OperationId, ReasonOption, TimeoutOption, WaitOption
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.commands import events
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import history, live, timeline

group = typer.Typer(help="Operations: history, live steps, cancel, retry.", no_args_is_help=True)


@lists(group, events=("operation",), limit=20)
def index(
    session: Session,
    mesh: MeshFilter = "",
    state: Annotated[str, typer.Option("--state", help="As in running, failed, dead_lettered.")] = "",
    kind: Annotated[str, typer.Option("--kind", "-k", help="As in design.apply.")] = "",
    principal: Annotated[str, typer.Option("--by", help="Only of this principal.")] = "",
    adapter: Annotated[str, typer.Option("--adapter", help="Only of this adapter.")] = "",
    trace: Annotated[str, typer.Option("--trace", help="Only of this trace id.")] = "",
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only those that have not ended.")] = False,
    since: choices.SinceOption = "",
    service: choices.ServiceFilter = "",
) -> Listing:
    """List operations, newest first."""
    params = {"mesh": mesh, "state": state, "kind": kind, "principal": principal, "service": service}
    params |= {"adapter": adapter, "trace_id": trace}
    if unfinished:
        params["done"] = "false"
    begin = choices.moment(since) if since else None
    select = (lambda one: (one.get("accepted_at") or "") >= begin) if begin else None
    return Listing(path=paths.OPERATIONS, params=params, render=history.operations, select=select)


@command(group, "show")
def show(session: Session, operation: OperationId) -> None:
    """Show an operation: its steps with durations and attempts, its failure with cause and remedy."""
    document = session.api.get(paths.operation(operation))
    session.output.show(document, history.operation(document))


@command(group, "watch")
def watch(
    session: Session,
    operation: Annotated[str, typer.Argument(metavar="[OPERATION]", help="Default: all of them for ever.")] = "",
    timeout: TimeoutOption = None,
) -> None:
    """Follow an operation to its end; the exit code is 5 if it did not succeed."""
    if not operation:
        events.follow(session, {"entity": "operation"}, "")
        return
    document = session.api.get(paths.operation(operation))
    session.output.say(f"operation {operation}: {document['kind']} on {document['mesh']}")
    done = live.follow(session, document, timeout)
    if not session.output.human:
        session.output.data(done)


@command(group, "cancel")
def cancel(
    session: Session,
    operation: OperationId,
    reason: ReasonOption = "",
    abandon: Annotated[
        bool,
        typer.Option("--abandon", help="Undo nothing, and free the mesh even if no worker can end the operation."),
    ] = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Cancel an operation; its worker undoes completed steps."""
    body = {"reason": reason, "abandon": abandon}
    answer = session.api.request("POST", paths.operation(operation, "cancel"), body=body, repeatable=True)
    session.output.say(f"operation {operation}: cancellation requested{' without undoing' if abandon else ''}")
    document: dict[str, Any] = answer.data
    if wait or timeout is not None:
        document = _until_cancelled(session, document, timeout)
    if not session.output.human:
        session.output.data(document)


@command(group, "retry")
def retry(
    session: Session,
    operation: OperationId,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Start the same operation again, as a new one; only after it ended without success."""
    live.operate(session, "POST", paths.operation(operation, "retry"), {"reason": reason}, wait=wait, limit=timeout)


def _until_cancelled(session: Session, document: dict[str, Any], limit: float | None) -> dict[str, Any]:
    """The exit code of `cancel`: the end `cancelled` is a success; any other end is reported as such."""
    done = live.watch(session, document["id"], limit)
    if done["state"] == "cancelled":
        session.output.say(live.line(timeline.Line(mark="ok", text="cancelled")))
        return done
    live.conclude(session, done)
    return done
