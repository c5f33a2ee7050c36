"""Secrets in files: created once, readable by their owner only.

Problem: several processes may start at the same moment, all without a file. Invariant: the first one creates it,
atomically and with mode 0600 from its first byte; all others read that one.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path


class ReadableByOthers(Exception):
    """A file with a secret has a mode by which others can read it; the text says what to do."""


def read(path: Path) -> str:
    """The text of a file that only its owner can read, without surrounding whitespace.

    Raises ReadableByOthers, OSError.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ReadableByOthers(f"{path} can be read by others (mode {mode:03o}): run `chmod 600 {path}`")
    return path.read_text().strip()


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The text of the file without surrounding whitespace; a missing file is created with the line `make()`.

    Raises OSError when the file can be neither read nor written.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        half.touch(mode=0o600)
        try:
            half.write_text(make() + "\n")
            with contextlib.suppress(FileExistsError):  # another process created it first: its secret is used
                os.link(half, path)
        finally:
            half.unlink()
    return path.read_text().strip()
