"""A table that fits its terminal.

Invariant: names, ids and numbers are never broken over lines; prose is wrapped; where a terminal is too narrow, columns
are left out, the least important first, and it is said which.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_GAP = 3
_PROSE = 24
"""the least width of a column of prose; what is shorter is not wrapped"""
_ESSENTIAL = ("state", "config", "health", "supported", "severity", "field", "finding", "meaning", "means")
"""columns that go last"""


class Grid:
    """A table without lines; `right` are the columns of numbers."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[Text]], right: Sequence[str] = ()) -> None:
        self.columns = list(columns)
        self.rows = rows
        self.right = right
        self.header = True

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        chosen = self.fitting(options.max_width)
        grid = Table(
            box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0), show_edge=False,
            show_header=self.header,
        )  # fmt: skip
        for index in chosen:
            name = self.columns[index]
            prose = self._least(index) < self._natural(index)
            grid.add_column(
                name.upper(),
                justify="right" if name in self.right else "left",
                overflow="fold",
                no_wrap=not prose,
                min_width=self._least(index),
            )
        for row in self.rows:
            grid.add_row(*(row[index] for index in chosen))
        yield from console.render(grid, options.update(max_width=max(options.max_width, self._needed(chosen))))
        left_out = [name for index, name in enumerate(self.columns) if index not in chosen and name]
        if left_out:
            yield Text(f"(not shown for lack of room: {', '.join(left_out)}; -o wide shows all)", "dim")

    def fitting(self, width: int) -> list[int]:
        """The columns, by index, that are shown in a terminal of that width."""
        chosen = list(range(len(self.columns)))
        while len(chosen) > 1 and self._needed(chosen) > width:
            names = [self.columns[index] for index in chosen]
            lesser = [each for each, name in zip(chosen, names, strict=True) if each and name not in _ESSENTIAL]
            chosen.remove(lesser[-1] if lesser else chosen[-1])
        return chosen

    def _needed(self, chosen: list[int]) -> int:
        return sum(map(self._least, chosen)) + _GAP * (len(chosen) - 1)

    def _natural(self, index: int) -> int:
        lines = (line for row in self.rows for line in row[index].plain.split("\n"))
        return max([cell_len(self.columns[index]), *map(cell_len, lines)])

    def _least(self, index: int) -> int:
        """The width that a column needs at least: that of its longest word, or all of it where it is no prose."""
        natural = self._natural(index)
        words = [word for row in self.rows for word in row[index].plain.split()]
        prose = any(row[index].plain.count(" ") > 1 for row in self.rows)
        if not prose or natural <= _PROSE:
            return natural
        return min(natural, max(_PROSE, *map(cell_len, words)))
