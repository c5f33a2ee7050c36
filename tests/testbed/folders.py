"""Temporary folders that go with their owner, also when that is killed.

Problem: no exit handler runs on SIGKILL, and what a control plane has written is large. Invariant: a process beside it
learns of the end by its standard input, which the kernel closes, and removes the folder once those who wrote are gone.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

_REMOVE = 'cat >/dev/null; [ -e "$1" ] || exit 0; sleep 1; rm -rf "$1"'
_WITHIN_S = 30.0


class TemporaryFolder:
    """A new folder at `path`; `close` removes it."""

    def __init__(self, prefix: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._beside = subprocess.Popen(
            ["/bin/sh", "-c", _REMOVE, "sh", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for the tests alone
        )

    def close(self) -> None:
        """Remove the folder; harmless when it is gone."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._beside.communicate(timeout=_WITHIN_S)
