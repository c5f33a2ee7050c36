"""The output of `meshwright-local` while the stack starts and stops.

Invariant: one line per event; this module makes no decisions.
"""

import contextlib
import datetime
import sys
import time
from pathlib import Path
from typing import TextIO

from meshwright.core.telemetry import sanitizing


class Output:
    """Lines with the seconds since the start, or `dated` for a log."""

    def __init__(self, stream: TextIO = sys.stdout, *, dated: bool = False) -> None:
        self._stream = stream
        self._dated = dated
        self._started = time.monotonic()
        self._bold = stream.isatty()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def head(self, text: str) -> None:
        """Print a headline."""
        text = sanitizing.escaped(text)
        self._write(f"\033[1m{text}\033[0m" if self._bold else text)

    def part(self, name: str, text: str) -> None:
        """Print a line about one part."""
        when = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}" if self._dated else f"{self.seconds:5.1f} s"
        self.line(f"  {when}  {name:<14} {text}")

    def line(self, text: str = "") -> None:
        """Print a line at once; ignored when the reader has closed the pipe, since the work continues."""
        self._write(sanitizing.escaped(text))

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(f"{text}\n")
            self._stream.flush()


def short(path: Path) -> str:
    """A path relative to the working directory where possible."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
