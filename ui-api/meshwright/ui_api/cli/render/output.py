"""The output of commands.

Problem: the same response must be a table for people and exact data for a script. Invariant: data is written to stdout
only, all messages to stderr; without a terminal there are no colours, no animation and no truncated columns; the JSON
and YAML are the API's own documents, complete. Everything that is written passes through `harmless`.
"""

import datetime
import os
import sys
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

import msgspec

from meshwright.core.telemetry import sanitizing
from meshwright.ui_api.cli.render import formats
from meshwright.ui_api.cli.render.formats import Format

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_WIDE = 1_000_000
"""the width of a pipe or file: nothing is wrapped or truncated"""


def console(stream: IO[str], *, wide: bool = False) -> "Console":
    """A console on a stream: colours only on a terminal and without NO_COLOR (handled by rich).

    Control characters in texts are escaped, since the text of a reason or an event could otherwise repaint the reader's
    terminal.
    """
    from rich.console import Console as Rich
    from rich.segment import Segment

    class Console(Rich):
        """Escapes control characters in the segments' texts; its own escapes are not in these.

        What is longer than a line, as a name, is shown whole.
        """

        def print(self, *objects: Any, **settings: Any) -> None:
            super().print(*objects, **{"crop": False, **settings})

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # as from any other way to write; the command ends with its exit code

        def render(self, *arguments: Any, **more: Any) -> "Iterable[Segment]":
            for segment in super().render(*arguments, **more):
                harmful = not segment.control and sanitizing.HIDDEN.search(segment.text)
                yield segment._replace(text=sanitizing.escaped(segment.text)) if harmful else segment

    interactive = stream.isatty()
    width = None if not wide and (interactive or os.environ.get("COLUMNS")) else _WIDE
    soft_wrap = wide or not interactive
    return Console(file=stream, width=width, highlight=False, markup=False, soft_wrap=soft_wrap, emoji=False)


class Output:
    """The output of one command."""

    def __init__(self, format: Format = Format.TABLE, *, expression: str = "", quiet: bool = False) -> None:
        self.format = format
        self.expression = expression
        self.quiet = quiet
        self._out: Console | None = None
        self._err: Console | None = None

    @property
    def out(self) -> "Console":
        """The console for data."""
        self._out = self._out or console(sys.stdout, wide=self.format is Format.WIDE)
        return self._out

    @property
    def err(self) -> "Console":
        """The console for messages."""
        self._err = self._err or console(sys.stderr)
        return self._err

    @property
    def human(self) -> bool:
        """Whether the output is for people."""
        return self.format in (Format.TABLE, Format.WIDE)

    def data(self, value: Any) -> None:
        """A document for a program, or its part that is wanted."""
        if self.format is Format.YAML:
            sys.stdout.write(as_yaml(value))
        elif self._part(value):
            return
        else:
            sys.stdout.write(as_json(value, indent=2) + "\n")
        sys.stdout.flush()

    def line(self, value: Any) -> None:
        """One document of a stream: a line of JSON, or a YAML document."""
        if self.format is Format.YAML:
            sys.stdout.write("---\n" + as_yaml(value))
        elif self._part(value):
            return
        else:
            sys.stdout.write(as_json(value) + "\n")
        sys.stdout.flush()

    def _part(self, value: Any) -> bool:
        """Print the names or the path that is wanted, if one is."""
        if self.format not in (Format.NAME, Format.JSONPATH):
            return False
        plain = msgspec.to_builtins(value)
        self.text(formats.names(plain) if self.format is Format.NAME else formats.by_path(self.expression, plain))
        return True

    def show(self, value: Any, human: "RenderableType") -> None:
        """Print the data in the chosen format; `human` returns the table."""
        if not self.human:
            self.data(value)
        elif self.out.is_terminal and self.format is Format.TABLE:
            self.out.print(human)
        else:  # a file or a pipe needs no blanks at the ends of lines, and `wide` all columns
            with self.out.capture() as captured:
                self.out.print(human)
            self.text("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def text(self, text: str) -> None:
        """Print text as it is (no markup, no wrapping)."""
        text = sanitizing.escaped(text)
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()

    def say(self, message: "RenderableType") -> None:
        """Print a message for people."""
        if not self.quiet:
            self.err.print(message)

    def warn(self, message: str) -> None:
        """Print a message that even --quiet shows."""
        from rich.text import Text

        self.err.print(Text.assemble(("warning: ", "yellow"), message))


def as_json(value: Any, indent: int = -1) -> str:
    """JSON, on one line unless `indent` says otherwise."""
    return sanitizing.json(msgspec.json.format(msgspec.json.encode(value), indent=indent).decode())


def as_yaml(value: Any) -> str:
    """Block-style YAML that keeps the order and shows long texts readably."""
    import yaml

    from meshwright.core.security import yaml_documents

    class Dumper(yaml.SafeDumper):
        """Literal blocks for texts of several lines; no anchors."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        # the reader follows YAML 1.2, which takes for a number what the dumper would leave without quotes: 08, 1e3
        style = "|" if "\n" in value else None if isinstance(yaml_documents.plain(value), str) else "'"
        if sanitizing.HIDDEN.search(value):  # an escape is one in double quotes only
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    dumped = yaml.dump(msgspec.to_builtins(value), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    return sanitizing.escaped(str(dumped).removesuffix("...\n"))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> "RenderableType":
    """A plain table: upper-case headers, no lines; `right` names the columns of numbers."""
    from meshwright.ui_api.cli.render.grid import Grid

    return Grid(columns, [[_cell(cell) for cell in row] for row in rows], right)


def _cell(cell: Any) -> "Text":
    """The text of a cell, escaped before the columns are measured."""
    from rich.text import Text

    if isinstance(cell, Text):
        return Text(sanitizing.escaped(cell.plain), cell.style) if sanitizing.HIDDEN.search(cell.plain) else cell
    return Text("" if cell is None else sanitizing.escaped(str(cell)))


def moment(text: str | None) -> datetime.datetime | None:
    """A time from the API, or None."""
    return datetime.datetime.fromisoformat(text) if text else None


def age(text: str | None, now: datetime.datetime | None = None) -> str:
    """The age in the largest unit that leaves about two digits: 8s, 5m, 3h, 12d."""
    then = moment(text)
    if then is None:
        return ""
    seconds = max(0, int(((now or datetime.datetime.now(datetime.UTC)) - then).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def span(seconds: float | None) -> str:
    """A duration in readable form: 12 ms, 3.4 s, 2 min 5 s."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def between(start: str | None, end: str | None, now: datetime.datetime | None = None) -> float | None:
    """Seconds from `start` to `end` (or to now), or None without a start."""
    first = moment(start)
    if first is None:
        return None
    last = moment(end) or now or datetime.datetime.now(datetime.UTC)
    return max(0.0, (last - first).total_seconds())


def clock(text: str | None) -> str:
    """The local time of day, to the second."""
    then = moment(text)
    return then.astimezone().strftime("%H:%M:%S") if then else ""


def date(text: str | None) -> str:
    """The local date and time, to the second."""
    then = moment(text)
    return then.astimezone().strftime("%Y-%m-%d %H:%M:%S") if then else ""
