"""Secrets in files: made once, readable by their owner only.

Problem: several processes may start at the same moment and each find the file missing. Invariant: whoever is first
makes it, whole and with mode 0600 from its first byte; all others read that one.
"""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The text of the file without surrounding blanks; when it is missing it is made with the line `make()`.

    Raises OSError when the file can be neither read nor written.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        half.touch(mode=0o600)
        try:
            half.write_text(make() + "\n")
            with contextlib.suppress(FileExistsError):  # another process was first: then its secret holds
                os.link(half, path)
        finally:
            half.unlink()
    return path.read_text().strip()
