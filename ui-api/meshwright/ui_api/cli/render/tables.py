"""A list that changes while it is shown.

Invariant: on a terminal the table is redrawn in its place; elsewhere each new or changed document is written once more,
and each that has gone is named.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render.output import Output

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]
Show = Callable[[list[Document]], None]


@contextlib.contextmanager
def changing(output: Output, render: "Callable[[list[Document]], RenderableType]") -> Iterator[Show]:
    """A function that shows the present documents, each time that it is called."""
    if output.human and output.out.is_terminal:
        from rich.live import Live

        with Live(console=output.out, auto_refresh=False) as screen:
            yield lambda items: screen.update(render(items), refresh=True)
        return
    known: dict[str, Document] = {}
    first = True

    def show(items: list[Document]) -> None:
        nonlocal first
        present = {_identity(each): each for each in items}
        new = [each for name, each in present.items() if known.get(name) != each]
        gone = [name for name in known if name not in present]
        known.clear()
        known.update(present)
        if output.human:
            _rows(output, render, new, header=first)
            for name in gone:
                output.text(f"{name} removed")
        else:
            for each in [*new, *({"id": name, "removed": True} for name in gone)]:
                output.line(each)
        first = False

    yield show


def _rows(
    output: Output, render: "Callable[[list[Document]], RenderableType]", items: list[Document], *, header: bool
) -> None:
    from meshwright.ui_api.cli.render.grid import Grid

    if not items and not header:
        return
    table = render(items)
    if isinstance(table, Grid):
        table.header = header
    output.show(items, table)


def _identity(document: Document) -> str:
    return str(document.get("id") or document.get("name") or document)
