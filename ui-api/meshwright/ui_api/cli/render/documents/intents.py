"""All intents on all meshes: what is proven, how, and why the rest is not possible.

Invariant: a cell says the best that a test has shown, and no more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from meshwright.schemas.adapters import Adapter, IntentSupport
from meshwright.ui_api.cli.render.output import table

if TYPE_CHECKING:
    from rich.console import RenderableType

Standing = Literal["traffic", "accepted", "unproven", "unsupported"]
MARKS: Mapping[Standing, str] = {
    "traffic": "● traffic",
    "accepted": "◐ accepted",
    "unproven": "○ unproven",
    "unsupported": "✗ unsupported",
}
MEANINGS: Mapping[Standing, str] = {
    "traffic": "a test applied it to a real mesh and saw what it does to requests",
    "accepted": "the real API of the mesh took the resources that it becomes; no requests were sent",
    "unproven": "it is translated, and no test has shown either",
    "unsupported": "the mesh cannot do it: see why below, and what to do instead",
}
_STYLES: Mapping[Standing, str] = {"traffic": "green", "accepted": "cyan", "unproven": "yellow", "unsupported": "red"}


def standing(row: IntentSupport) -> Standing:
    """The best that is known of an intent on a kind of mesh."""
    if not row.supported:
        return "unsupported"
    shown = {each.how for each in row.proofs}
    return "traffic" if "traffic" in shown else "accepted" if shown else "unproven"


def cell(row: IntentSupport) -> str:
    """What is known, with the versions of the mesh on which it was shown, or from which on it is translated."""
    how = standing(row)
    versions = ", ".join(sorted({each.version for each in row.proofs if each.how == how}))
    if how == "unproven" and row.since:
        versions = f"from {row.since}"
    return f"{MARKS[how]} {versions}".rstrip()


def refusals(adapters: Sequence[Adapter]) -> list[tuple[str, str, str]]:
    """Intent, mesh, and why it is not possible there with what to do instead."""
    return [
        (row.intent, adapter.id, f"{row.because}." + (f" Instead: {row.instead}." if row.instead else ""))
        for adapter in adapters
        for row in adapter.intents
        if not row.supported
    ]


def counted(adapters: Sequence[Adapter]) -> str:
    """How many cells there are of each standing."""
    cells = Counter(standing(row) for adapter in adapters for row in adapter.intents)
    return f"of {cells.total()}: " + ", ".join(f"{cells[each]} {each}" for each in MARKS)


def matrix(adapters: Sequence[Adapter]) -> "RenderableType":
    """Every intent with a column for each adapter."""
    from rich.console import Group
    from rich.text import Text

    kinds = [row.intent for row in adapters[0].intents]
    rows_of = [{row.intent: row for row in each.intents} for each in adapters]
    cells = [
        [kind, *(Text(cell(rows[kind]), _STYLES[standing(rows[kind])]) if kind in rows else "-" for rows in rows_of)]
        for kind in kinds
    ]
    parts: list[RenderableType] = [table(["intent", *(each.id for each in adapters)], cells)]
    parts += [Text(), Text(counted(adapters))]
    if refused := refusals(adapters):
        parts += [Text(), table(("intent", "mesh", "because"), refused)]
    return Group(*parts)
