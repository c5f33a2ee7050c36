"""Processes that outlive the process that started them, and the records that identify them later.

Problem: sidecars and servers must survive a restart of the process that started them, and must never be confused with
another process that got the same pid. Invariant: a process is signalled only when its pid, its kernel start time and
the boot id all equal the record; a record is replaced in one rename. Linux only (/proc).
"""

import asyncio
import contextlib
import datetime
import hashlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from meshwright.schemas.base import Model

MARKER = "MESHWRIGHT_RUN"
"""environment variable of each process of a local stack, inherited by its children: `down` uses it to prove that none
is left"""

_PROC = Path("/proc")
_POLL = 0.02
_START_TIME_FIELD = 19  # field 22 of proc(5) stat, counted after the command's closing parenthesis


class Record(Model, frozen=True, kw_only=True):
    """What identifies a started process later."""

    name: str
    pid: int
    start_ticks: int
    boot: str
    digest: str
    """digest of what it was started with; a different digest means that it has to be restarted"""
    started_at: datetime.datetime


class DiedAtOnceError(Exception):
    """The process ended before its start time could be read."""


def start_ticks(pid: int) -> int | None:
    """The start time of a live process in clock ticks since boot; None when it has ended or is a zombie."""
    with contextlib.suppress(ChildProcessError, InterruptedError):
        os.waitpid(pid, os.WNOHANG)  # an ended child of this process is reaped here; others are not its children
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[_START_TIME_FIELD])


# Run by sh as: PROGRAM ARGUMENTS… It starts the program detached and writes its pid to descriptor 3. The program is
# executed only after this shell has ended: then its parent is the init process.
_ORPHAN = """
parent=$$
(
  while read -r _ _ _ now _ </proc/self/stat && [ "$now" = "$parent" ]; do :; done
  exec "$@"
) 3>&- &
echo $! >&3
"""

# Run by sh as: DIRECTORY PROGRAM ARGUMENTS… Files that the program creates are readable by its owner only.
_INSIDE = 'umask 077 && cd "$1" && shift && exec "$@"'


# Run by Python as: USER GROUP PROGRAM ARGUMENTS… The program is opened before privileges are dropped, since that user
# may not be able to enter its folders; it cannot gain privileges again (PR_SET_NO_NEW_PRIVS).
_AS = """
import ctypes, os, sys
user, group, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
opened = os.open(program, os.O_RDONLY)
os.set_inheritable(opened, True)
os.setgroups([])
os.setresgid(group, group, group)
os.setresuid(user, user, user)
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
os.execve(opened, sys.argv[3:], os.environ)
"""


def as_user(command: Sequence[str], user: int, group: int) -> list[str]:
    """The command that runs a program, given by its full path, as this user and group only.

    Only for a process of root; any other ends at once and logs the reason.
    """
    return [sys.executable, "-I", "-S", "-c", _AS, str(user), str(group), *command]


def spawn(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    digest: str = "",
    orphan: bool = False,
    directory: Path | None = None,
) -> Record:
    """Start a process in a new session, its output appended to `log`.

    With `directory` it works there, and files that it creates are readable by its owner only. `orphan` is for programs
    that ask the kernel to end them with the thread that started them (PR_SET_PDEATHSIG), as Envoy does: they are
    reparented to init before they can ask.

    Raises OSError when the program cannot be executed and DiedAtOnceError when it ended immediately.
    """
    if (orphan or directory) and not os.access(command[0], os.X_OK):  # the shell would report this only in the log
        raise FileNotFoundError(f"{command[0]} is not an executable file")
    wanted = ["/bin/sh", "-c", _INSIDE, "sh", str(directory), *command] if directory else command
    pid = _spawn_orphan(wanted, log, environment) if orphan else _spawn(wanted, log, environment)
    ticks = start_ticks(pid)
    if ticks is None:
        raise DiedAtOnceError(f"{name} ended as soon as it was started; its log is {log}")
    return Record(
        name=name,
        pid=pid,
        start_ticks=ticks,
        boot=_boot(),
        digest=digest or digest_of(command),
        started_at=datetime.datetime.now(datetime.UTC),
    )


def _spawn(command: Sequence[str], log: Path, environment: Mapping[str, str], *more: tuple[int, int, int]) -> int:
    return os.posix_spawn(
        command[0],
        list(command),
        dict(environment),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *more,
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM],
    )


def _spawn_orphan(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> int:
    reader, telling = os.pipe()
    try:
        shell = ["/bin/sh", "-c", _ORPHAN, "sh", *command]
        starter = _spawn(shell, log, environment, (os.POSIX_SPAWN_DUP2, telling, 3))
    finally:
        os.close(telling)
    with os.fdopen(reader) as answer:
        pid = answer.read().strip()  # ends when the shell does, a few milliseconds later
    os.waitpid(starter, 0)
    if not pid:
        raise OSError(f"{command[0]} could not be started; see {log}")
    return int(pid)


def here(name: str, digest: str = "") -> Record:
    """The record of this process."""
    record = of(os.getpid())
    assert record is not None, "a process that runs code is alive"
    return msgspec.structs.replace(record, name=name, digest=digest)


def digest_of(parts: Iterable[str]) -> str:
    """A digest of the arguments and settings that a process is started with."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def alive(record: Record) -> bool:
    """Whether exactly the recorded process runs; false for another process with the same pid."""
    return record.boot == _boot() and start_ticks(record.pid) == record.start_ticks


def send(record: Record, number: signal.Signals) -> None:
    """Send a signal to the recorded process, if it still runs."""
    if alive(record):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)


async def stop(record: Record, *, grace: float = 5.0) -> bool:
    """Send SIGTERM, and SIGKILL after `grace` seconds; true when SIGTERM sufficed.

    Raises TimeoutError when even SIGKILL does not end it within five seconds (a process stuck in the kernel).
    """
    send(record, signal.SIGTERM)
    if await _gone(record, grace):
        return True
    send(record, signal.SIGKILL)
    if not await _gone(record, 5.0):
        raise TimeoutError(f"{record.name} (pid {record.pid}) does not end even after SIGKILL")
    return False


async def _gone(record: Record, within: float) -> bool:
    deadline = time.monotonic() + within
    while alive(record):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL)
    return True


def read(path: Path) -> Record | None:
    """The record at `path`, or None when there is none, it is incomplete, or it belongs to another user."""
    try:
        if path.stat().st_uid != os.geteuid():
            return None
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def write(path: Path, record: Record) -> None:
    """Replace the record at `path` atomically."""
    replace(path, msgspec.json.encode(record))


def replace(path: Path, content: bytes, *, mode: int = 0o600, group: int = -1) -> None:
    """Write a whole file atomically, so that no reader sees a part of it and only those with access by `mode` can read
    it.

    It belongs to this process's user, and to `group` unless that is -1.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)  # a temporary file left by a crash may be readable by others
    with open(half, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
        stream.write(content)
    os.chown(half, -1, group)
    half.chmod(mode)  # independent of the umask
    half.replace(path)


def matching(kind: Literal["cmdline", "environ"], text: str) -> list[Record]:
    """Processes that have `text` as one whole argument or environment entry, as records made now."""
    hits = (_hit(pid, kind, text.encode()) for pid in _pids() if pid != os.getpid())
    return [record for record in hits if record is not None]


def _hit(pid: int, kind: str, text: bytes) -> Record | None:
    try:
        if text not in (_PROC / str(pid) / kind).read_bytes().split(b"\0"):
            return None
    except OSError:
        return None
    return of(pid)


def of(pid: int) -> Record | None:
    """The process that has this pid now, with the name that the kernel has for it; None when there is none."""
    try:
        name = (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return None
    ticks = start_ticks(pid)
    if ticks is None:
        return None
    now = datetime.datetime.now(datetime.UTC)
    return Record(name=name, pid=pid, start_ticks=ticks, boot=_boot(), digest="", started_at=now)


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def trim(log: Path, *, limit: int) -> bool:
    """Keep a log below `limit` bytes: its content moves to `<log>.1` and it starts again; true when it did.

    The writer appends (O_APPEND), so its next line goes to the start of the truncated file. Lines written between
    copying and truncating are lost, which is acceptable for a log.
    """
    try:
        if log.stat().st_size <= limit:
            return False
        with log.open("rb+") as stream:
            stream.seek(-limit, os.SEEK_END)
            replace(log.with_name(f"{log.name}.1"), stream.read(limit))
            stream.truncate(0)
    except FileNotFoundError:
        return False
    return True


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error message."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - max(16_384, 200 * lines)))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
