"""What a person sees while the stack starts and stops.

Invariant: one line per thing that happened, in plain words; nothing here decides anything.
"""

import sys
import time
from typing import TextIO


class Talk:
    """Lines with the seconds since the start."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._bold = stream.isatty()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def head(self, text: str) -> None:
        """A headline."""
        self.line(f"\033[1m{text}\033[0m" if self._bold else text)

    def part(self, name: str, text: str) -> None:
        """Something about one part."""
        self.line(f"  {self.seconds:5.1f} s  {name:<14} {text}")

    def line(self, text: str = "") -> None:
        """Any line, shown at once."""
        self._stream.write(f"{text}\n")
        self._stream.flush()
