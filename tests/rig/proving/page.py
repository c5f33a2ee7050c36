"""The page of all intents on all meshes: `adapters/INTENTS.md`, from what adapters announce and tests have proven.

Invariant: nothing on the page is written by hand.
"""

import sys
from collections.abc import Sequence
from importlib import metadata

from meshwright.core import kit
from meshwright.schemas.adapters import Adapter
from meshwright.ui_api.cli.render.documents import intents as intent_matrix
from rig.proving.recording import ADAPTERS

PAGE = ADAPTERS.parents[1] / "INTENTS.md"
_INTRODUCTION = """# Intents on every mesh

Made by `make proofs` from what adapters announce and from what their tests have proven; do not edit it.
`meshwright intents matrix` shows the same of the adapters that run.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(announced()))
    sys.stdout.write(f"{PAGE}\n")


def announced() -> list[Adapter]:
    """The adapters of this distribution, as the API shows them."""
    own = metadata.distribution("meshwright").entry_points.select(group="meshwright.adapters")
    loaded: list[kit.Adapter] = sorted((each.load() for each in own), key=lambda each: each.name)
    return [Adapter(id=each.name, intents=each.matrix()) for each in loaded]


def page(adapters: Sequence[Adapter]) -> str:
    """The page of these adapters."""
    return "\n".join([_INTRODUCTION, _legend(), _table(adapters), _refusals(adapters), _tests(adapters)])


def _legend() -> str:
    lines = [f"- **{mark}**: {intent_matrix.MEANINGS[each]}." for each, mark in intent_matrix.MARKS.items()]
    return "\n".join([*lines, ""])


def _table(adapters: Sequence[Adapter]) -> str:
    lines = [f"| intent | {' | '.join(each.id for each in adapters)} |", f"|---|{'---|' * len(adapters)}"]
    for rows in zip(*(each.intents for each in adapters), strict=True):
        lines.append(f"| {rows[0].intent} | {' | '.join(map(intent_matrix.cell, rows))} |")
    return "\n".join([*lines, "", f"Counted: {intent_matrix.counted(adapters)}.", ""])


def _refusals(adapters: Sequence[Adapter]) -> str:
    lines = [f"- **{intent}** on {mesh}: {because}" for intent, mesh, because in intent_matrix.refusals(adapters)]
    return "\n".join(["## What a mesh cannot do", "", *lines, ""])


def _tests(adapters: Sequence[Adapter]) -> str:
    shown: dict[tuple[str, str, str], list[str]] = {}
    for adapter in adapters:
        for row in adapter.intents:
            for proof in row.proofs:
                shown.setdefault((adapter.id, proof.test, proof.how), []).append(row.intent)
    lines = ["## Which tests show it", "", "| mesh | how | test | intents |", "|---|---|---|---|"]
    for (mesh, test, how), kinds in sorted(shown.items()):
        lines.append(f"| {mesh} | {how} | `{test}` | {', '.join(kinds)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
