"""Live output of an operation's steps.

Invariant: lines are written once and stay; on a terminal one more line below them shows the running step and its
duration, and is removed at the end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.client import following, previewing
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.render import output, previews
from meshwright.ui_api.cli.render.timeline import Line, Timeline, explain

if TYPE_CHECKING:
    from rich.status import Status
    from rich.text import Text

MARKS = {
    "ok": ("✓", "green"),
    "bad": ("✗", "red"),
    "undone": ("↶", "yellow"),
    "wait": ("…", "yellow"),
    "note": ("·", "dim"),
}


def line(content: Line) -> "Text":
    """A line with its mark, its duration and its details below."""
    from rich.text import Text

    mark, style = MARKS[content.mark]
    text = Text.assemble("  ", (mark, style), " ")
    seconds = output.span(content.seconds)
    text.append(
        f"{content.text:<32} {seconds:>8}" if seconds else content.text, "dim" if content.mark == "note" else ""
    )
    for detail in content.details:
        text.append(f"\n      {detail}", "red" if content.mark == "bad" else "dim")
    return text


@contextmanager
def screen(session: Session) -> Iterator[following.Tell]:
    """A callback for news; the running step is shown while the `with` block lasts."""
    console = session.output.err
    animated = console.is_terminal and not session.output.quiet
    status: Status | None = console.status("accepted", spinner="dots") if animated else None

    def tell(timeline: Timeline, lines: list[Line]) -> None:
        for content in lines:
            if content.mark != "note" or not animated:
                session.output.say(line(content))
        if status is not None:
            status.update(_now(timeline))

    if status is None:
        yield tell
        return
    with status:
        yield tell


def _now(timeline: Timeline) -> "Text":
    from rich.text import Text

    words = [word for word in (timeline.running or timeline.state, timeline.progress) if word]
    return Text(": ".join(words))


def follow(session: Session, accepted: dict[str, Any], limit: float | None) -> dict[str, Any]:
    """Follow an accepted operation to its end.

    Raises CommandFailed with OPERATION when it did not succeed, STILL_RUNNING when `limit` seconds have passed.
    """
    operation = watch(session, accepted["id"], limit)
    conclude(session, operation)
    return operation


def watch(session: Session, operation: str, limit: float | None) -> dict[str, Any]:
    """Show the events of an operation until it has ended, however it ends.

    Raises CommandFailed with STILL_RUNNING, or INTERRUPTED on Ctrl-C.
    """
    try:
        with screen(session) as tell:
            return following.Follow(session, operation, limit, tell).run()
    except KeyboardInterrupt:
        raise CommandFailed(
            f"stopped waiting for operation {operation}, which continues",
            code=Exit.INTERRUPTED,
            remedy=following.resume(operation),
        ) from None


def conclude(session: Session, operation: dict[str, Any]) -> None:
    """The last line about an operation that has ended. Raises CommandFailed when it did not succeed."""
    took = output.span(output.between(operation.get("accepted_at"), operation.get("finished_at")))
    state = operation["state"].replace("_", " ")
    if operation["state"] == "succeeded":
        session.output.say(line(Line(mark="ok", text=f"succeeded in {took}")))
        return
    if not session.output.human:
        session.output.data(operation)
    is_shown = any(step.get("failure") == operation.get("failure") for step in operation.get("steps") or [])
    what, *rest = explain(operation.get("failure")) or ("",)
    raise CommandFailed(
        f"operation {operation['id']} {state} after {took}" + (f": {what}" if what else ""),
        code=Exit.OPERATION,
        notes=() if is_shown else tuple(rest),
        remedy=f"`meshwright operations show {operation['id']}` has its whole history.",
    )


def operate(
    session: Session,
    method: str,
    path: str,
    body: dict[str, Any],
    *,
    wait: bool,
    limit: float | None,
    silent: bool = False,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Start an operation and, with `wait` or a `limit`, follow it; print its result unless `silent`.

    With `dry_run` only show what it would change. Raises CommandFailed as `follow` does, RequestRefused, Unreachable.
    """
    if dry_run:
        return preview(session, method, path, body)
    answer = session.api.request(method, path, body=body, repeatable=True)
    operation: dict[str, Any] = answer.data
    output = session.output
    output.say(f"operation {operation['id']} accepted: {operation['kind']} on {operation['mesh']}")
    stay = wait or limit is not None
    if stay:
        operation = follow(session, operation, limit)
    if not output.human:
        if not silent:
            output.data(operation)
    elif not stay:
        output.say(f"`meshwright operations watch {operation['id']}` follows it.")
        output.text(operation["id"])
    return operation


def preview(session: Session, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Show what an operation would change, as its adapter says. Raises CommandFailed when it would be refused."""
    answer = session.api.request(method, path, body=body, params={"validate_only": "true"}, repeatable=True)
    looked: dict[str, Any] = answer.data
    is_refused = looked.get("problems") or looked.get("unsupported")
    if looked.get("diff") or not (is_refused and session.output.human):
        session.output.show(looked, previews.operation(looked, "this operation"))
    previewing.refuse(looked)
    session.output.say("dry run: nothing was changed")
    return looked
