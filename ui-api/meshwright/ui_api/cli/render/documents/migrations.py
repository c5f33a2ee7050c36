"""What carries over from one mesh to another, in readable form."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output
from meshwright.ui_api.cli.render.documents import imports

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]
_MARKS = {"unchanged": ("✓ unchanged", "green"), "changes": ("~ changes", "yellow"), "lost": ("✗ lost", "red")}
_BLOCKED = ("✗ blocked", "red")


def plan(answer: Document) -> "RenderableType":
    """One line for each service and kind of intent; below it the fields that no intent expresses."""
    from rich.console import Group
    from rich.text import Text

    rows = [
        (
            each["service"] or "(all)",
            each["intent"],
            Text(*_MARKS.get(each["verdict"], _BLOCKED)),
            each["because"],
            each["instead"],
        )
        for each in answer["wishes"]
    ]
    parts: list[RenderableType] = []
    if rows:
        parts.append(output.table(("service", "intent", "verdict", "because", "instead"), rows))
    if answer["unexpressed"]:
        title = Text(f"\nWhat no intent says, and so stays with {answer['from']}:")
        parts += [title, imports.table({"unexpressed": answer["unexpressed"], "not_read": []})]
    return Group(*parts)


def summary(answer: Document) -> str:
    """How much of each there is."""
    counts = Counter(each["verdict"] for each in answer["wishes"])
    if not counts and not answer["unexpressed"]:
        return f"Nothing of {answer['from']} says how requests go: there is nothing to carry over."
    told = [f"{counts[each]} {each}" for each in ("unchanged", "changes", "lost", "blocked") if counts[each]]
    left = len(answer["unexpressed"])
    told += [f"{left} field{'s' if left != 1 else ''} without an intent"] * bool(left)
    return f"From {answer['from']} to {answer['to']}: {', '.join(told)}."
