"""`meshwright deadletters`: commands that could not be executed, and what to do about each."""

from typing import Annotated

import typer

from meshwright.ui_api.cli.choices import ReasonOption, TimeoutOption, WaitOption, YesOption
from meshwright.ui_api.cli.client import paths, writing
from meshwright.ui_api.cli.client.session import Session, command, completions
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import history, live

group = typer.Typer(help="Dead letters: commands that could not be executed.", no_args_is_help=True)


def _letters(incomplete: str) -> list[str]:
    return completions(paths.DEADLETTERS, incomplete)


LetterId = Annotated[
    str, typer.Argument(metavar="OPERATION", help="The operation of the dead letter.", autocompletion=_letters)
]


@lists(group, events=("operation", "deadletter"), limit=50)
def index(
    session: Session,
    adapter: Annotated[str, typer.Option("--adapter", help="Only of this adapter.")] = "",
    state: Annotated[str, typer.Option("--state", help="open or replayed.")] = "open",
    everything: Annotated[bool, typer.Option("--all", help="Also those that were replayed.")] = False,
) -> Listing:
    """List open dead letters, newest first."""
    params = {"adapter": adapter, "state": "" if everything else state}
    return Listing(path=paths.DEADLETTERS, params=params, render=history.dead_letters)


@command(group, "show")
def show(session: Session, operation: LetterId) -> None:
    """Show a dead letter: its reason, and its command, or its bytes when it cannot be decoded."""
    document = session.api.get(paths.one(paths.DEADLETTERS, operation))
    session.output.show(document, history.dead_letter(document))


@command(group, "replay")
def replay(
    session: Session,
    operation: LetterId,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Execute the command again, as a new operation; a second replay returns the operation of the first."""
    path = paths.one(paths.DEADLETTERS, operation, ":replay")
    live.operate(session, "POST", path, {"reason": reason}, wait=wait, limit=timeout)


@command(group, "drop")
def drop(session: Session, operation: LetterId, yes: YesOption = False, reason: ReasonOption = "") -> None:
    """Remove a dead letter from the list; the stream keeps it, with who dropped it and why."""
    session.confirm(f"Drop the dead letter of operation {operation}?", yes=yes)
    writing.delete(session, paths.one(paths.DEADLETTERS, operation), reason)
    session.output.say(f"dead letter {operation} dropped")
