"""Sidecars on this host: real Envoy processes that match a directory.

Problem: a sidecar carries traffic, so it must not end with the worker that started it, and a crashed one must be
restarted automatically. Invariant: the directory is the truth; a node whose folder has a desired sidecar runs exactly
that bootstrap, once. Every change happens under the node's file lock, so several workers on one host may open the same
directory; only the recorded process is signalled. A sidecar runs in its own folder, which only its owner can access.
"""

import asyncio
import contextlib
import dataclasses
import fcntl
import logging
import os
import pwd
import re
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from meshwright.adapters.envoy.dataplane import administration, program
from meshwright.core.kit import tasks
from meshwright.core.kit.machine import processes
from meshwright.schemas.base import Model

State: TypeAlias = Literal["running", "restarting"]

_log = logging.getLogger(__name__)

WATCH_EVERY = 0.5  # seconds between checks of the processes
START_WITHIN = 15.0  # seconds until a new Envoy's admin interface must answer
LOCK_WITHIN = 30.0
STOP_GRACE = 3.0
DRAIN_SECONDS = 5
"""seconds for which Envoy serves the connections of a removed listener or filter chain"""
LOG_LIMIT = 4 * 1024 * 1024  # bytes; one older log of the same size is kept
BACKOFF_FIRST, BACKOFF_LAST = 0.5, 30.0
STEADY_AFTER = 60.0  # after running for this long, a sidecar's backoff is reset

_OPTIONS = (
    "--use-dynamic-base-id", "--concurrency", "1", "-l", "warn",
    "--drain-time-s", str(DRAIN_SECONDS), "--drain-strategy", "immediate",
)  # fmt: skip
# `/` or a leading dot would leave the fleet's directory
_NODE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")


class FleetError(Exception):
    """A sidecar could not be started, adopted or stopped; the text has its name, the reason, and the path of its
    log.
    """


class Sidecar(Model, frozen=True, kw_only=True):
    """One sidecar of the fleet."""

    node_id: str
    digest: str
    pid: int | None
    state: State
    restarts: int


class _DesiredSidecar(Model, frozen=True, kw_only=True):
    """The desired sidecar of a node; stored beside its bootstrap."""

    digest: str


@dataclasses.dataclass
class _Crashes:
    """The recent crashes of a sidecar, and when it may be restarted (monotonic seconds)."""

    count: int = 0
    not_before: float = 0.0

    def note(self, now: float, ran_for: float) -> None:
        recent = 0 if ran_for >= STEADY_AFTER else self.count
        self.count = recent + 1
        self.not_before = now + min(BACKOFF_LAST, BACKOFF_FIRST * 2.0 ** min(recent, 10))


class Fleet:
    """The sidecars of one directory. Use `Fleet.open`."""

    def __init__(self, directory: Path, binary: Path, keep: bool, account: pwd.struct_passwd | None = None) -> None:
        self._keep = keep
        self._account = account if account and _reaches(account, directory.absolute()) else None
        self.directory = directory.absolute()
        _private(self.directory)
        if self._account:
            self.directory.chmod(0o711)
        self._binary = binary
        self._crashes: dict[str, _Crashes] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, directory: Path, *, keep_on_exit: bool, binary: Path | None = None, user: str = "root"
    ) -> AsyncIterator["Fleet"]:
        """Supervise the sidecars of `directory`: adopt running ones, start missing ones.

        With `keep_on_exit` they keep running afterwards, even if this process is killed; otherwise they end with it and
        stay desired, so that the next `open` starts them again. When this process runs as root they run as `user`, if
        that user can access the directory. Raises binaries.BinaryMissingError when there is no Envoy, FleetError when
        there is no such user.
        """
        fleet = cls(directory, binary or program.envoy(), keep_on_exit, _account(user))
        watcher = asyncio.create_task(fleet._watch(), name="envoy-fleet-watch")
        try:
            yield fleet
        finally:
            await tasks.end(watcher)
            if not keep_on_exit:
                await asyncio.gather(*(fleet._halt(node) for node in fleet._nodes()))

    async def ensure(
        self, node_id: str, bootstrap: Mapping[str, Any], files: Mapping[str, bytes] | None = None
    ) -> Sidecar:
        """Run one Envoy with `bootstrap`; returns once its admin interface answers.

        `files` are written beside the bootstrap, by name, also for a running one, which detects changes of them. A
        running one with the same bootstrap is adopted unchanged, another one is replaced. Raises FleetError when Envoy
        rejects the bootstrap or does not answer within START_WITHIN seconds; that is not retried.
        """
        if not _NODE_ID.fullmatch(node_id):
            raise FleetError(f"{node_id!r} is not a node id: use letters, digits, dot, dash, underscore, tilde")
        async with self._locked(node_id) as folder:
            return await self._have(node_id, folder, bootstrap, files or {})

    async def renew(self, node_id: str, bootstrap: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """As `ensure`, for a sidecar that is desired here; others are left alone.

        Raises FleetError.
        """
        if self._desired(node_id) is None:
            return
        async with self._locked(node_id) as folder:
            if self._desired(node_id) is not None:  # it may have been removed meanwhile
                await self._have(node_id, folder, bootstrap, files)

    async def version(self) -> str:
        """The Envoy version of new sidecars. Raises program.UnknownVersionError."""
        return await program.version(self._binary)

    async def restart(self, node_id: str) -> None:
        """Restart a sidecar with the installed program; one that is not desired here is left alone.

        Raises FleetError.
        """
        if self._desired(node_id) is None:
            return
        async with self._locked(node_id) as folder:
            desired = self._desired(node_id)
            if desired is not None:  # it may have been removed meanwhile
                await self._replace(node_id, folder, desired)

    async def remove(self, node_id: str) -> None:
        """Stop the sidecar and delete its record; an unknown one changes nothing."""
        if not _NODE_ID.fullmatch(node_id) or not (self.directory / node_id).exists():
            return
        async with self._locked(node_id) as folder:
            (folder / "wish.json").unlink(missing_ok=True)
            await self._end(node_id, folder)
            shutil.rmtree(folder)
        self._crashes.pop(node_id, None)

    async def list(self) -> Sequence[Sidecar]:
        """Every desired sidecar, by node id; `pid` is None while one waits for its restart."""
        entries = ((node, self._desired(node)) for node in self._nodes())
        return [self._sidecar(node, desired) for node, desired in entries if desired is not None]

    def log(self, node_id: str) -> Path:
        """The log of the sidecar; an older part may exist beside it as `envoy.log.1`."""
        return self.directory / node_id / "envoy.log"

    async def _have(
        self, node_id: str, folder: Path, bootstrap: Mapping[str, Any], files: Mapping[str, bytes]
    ) -> Sidecar:
        text = msgspec.json.encode(bootstrap, order="sorted")
        whose = [self._account.pw_name] if self._account else []
        desired = _DesiredSidecar(
            digest=processes.digest_of([text.decode(), str(self._binary), *_OPTIONS, administration.RUN, *whose])
        )
        for name, content in files.items():
            self._give(folder / administration.RUN / name, content)
        record = processes.read(folder / "record.json")
        if record is None or record.digest != desired.digest or not processes.alive(record):
            (folder / "wish.json").unlink(missing_ok=True)  # a bootstrap that fails is not retried
            self._give(folder / administration.RUN / "bootstrap.json", text)
            await self._replace(node_id, folder, desired)
        processes.replace(folder / "wish.json", msgspec.json.encode(desired))
        return self._sidecar(node_id, desired)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY)
            for node in self._nodes():
                # one that cannot be restarted must not end the supervision of others; its backoff grows
                with contextlib.suppress(FleetError, OSError):
                    await self._revive(node)

    async def _revive(self, node_id: str) -> None:
        folder = self.directory / node_id
        processes.trim(folder / "envoy.log", limit=LOG_LIMIT)
        desired, record = self._desired(node_id), processes.read(folder / "record.json")
        if desired is None or (record is not None and processes.alive(record)):
            return
        now, crashes = time.monotonic(), self._crashes.setdefault(node_id, _Crashes())
        if now < crashes.not_before:
            return
        ran_for = time.time() - record.started_at.timestamp() if record is not None else STEADY_AFTER
        crashes.note(now, ran_for)
        async with self._locked(node_id) as held:
            # another worker may have restarted or removed it while this one waited for the lock
            desired, record = self._desired(node_id), processes.read(held / "record.json")
            if desired is not None and (record is None or not processes.alive(record)):
                await self._replace(node_id, held, desired)

    async def _replace(self, node_id: str, folder: Path, desired: _DesiredSidecar) -> None:
        """Stop this node's process and start the desired one; the caller holds the lock."""
        await self._end(node_id, folder)
        (folder / administration.RUN / administration.SOCKET).unlink(missing_ok=True)
        command = [str(self._binary), "-c", str(folder / administration.RUN / "bootstrap.json"), *_OPTIONS]
        if self._account:
            command = processes.as_user(command, self._account.pw_uid, self._account.pw_gid)
        log = folder / "envoy.log"
        try:
            started = processes.spawn(
                node_id,
                command,
                log=log,
                environment=_environment(),
                digest=desired.digest,
                orphan=self._keep,
                directory=folder / administration.RUN,
            )
        except (OSError, processes.DiedAtOnceError) as error:
            raise FleetError(f"sidecar {node_id} could not be started: {error}") from error
        processes.write(folder / "record.json", started)
        await self._answers(node_id, folder, started)

    async def _answers(self, node_id: str, folder: Path, started: processes.Record) -> None:
        deadline = time.monotonic() + START_WITHIN
        while processes.alive(started):
            with contextlib.suppress(OSError), administration.reachable(folder) as path:
                _, writer = await asyncio.open_unix_connection(path)
                writer.close()
                return
            if time.monotonic() > deadline:
                await processes.stop(started, grace=STOP_GRACE)
                raise FleetError(f"sidecar {node_id} did not open its admin socket within {START_WITHIN:.0f} s")
            await asyncio.sleep(0.02)
        words = processes.tail(self.log(node_id))
        raise FleetError(f"sidecar {node_id} ended at once; Envoy says:\n{words}")

    async def _end(self, node_id: str, folder: Path) -> None:
        """Stop the recorded process, and one whose starter was killed before it could write the record."""
        record = processes.read(folder / "record.json")
        strays = processes.matching("cmdline", str(folder / administration.RUN / "bootstrap.json"))
        running = [process for process in (record, *strays) if process is not None]
        await asyncio.gather(*(processes.stop(process, grace=STOP_GRACE) for process in running))
        (folder / "record.json").unlink(missing_ok=True)

    async def _halt(self, node_id: str) -> None:
        async with self._locked(node_id) as folder:
            await self._end(node_id, folder)

    @contextlib.asynccontextmanager
    async def _locked(self, node_id: str) -> AsyncIterator[Path]:
        folder, deadline = self.directory / node_id, time.monotonic() + LOCK_WITHIN
        while True:
            self._open_to_sidecar(folder)
            descriptor = os.open(self.directory / f".{node_id}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                os.close(descriptor)
                if time.monotonic() > deadline:
                    held = f"sidecar {node_id} has been held by another worker for {LOCK_WITHIN:.0f} s"
                    raise FleetError(held) from None
                await asyncio.sleep(0.02)
        try:
            self._open_to_sidecar(folder)  # its last holder may have removed it
            yield folder
        finally:
            os.close(descriptor)

    def _give(self, path: Path, content: bytes) -> None:
        """Write a file that only the sidecar and this process can read."""
        if self._account:
            processes.replace(path, content, mode=0o640, group=self._account.pw_gid)
        else:
            processes.replace(path, content)

    def _open_to_sidecar(self, folder: Path) -> None:
        """Create a sidecar's folder, and its working directory in it, where it cannot access other files."""
        run = folder / administration.RUN
        _private(folder)
        _private(run)
        if self._account:
            folder.chmod(0o711)
            os.chown(run, -1, self._account.pw_gid)
            run.chmod(0o1770)

    def _nodes(self) -> Sequence[str]:
        try:
            entries = sorted(self.directory.iterdir())
        except FileNotFoundError:
            return []
        return [entry.name for entry in entries if _NODE_ID.fullmatch(entry.name) and entry.is_dir()]

    def _desired(self, node_id: str) -> _DesiredSidecar | None:
        try:
            return msgspec.json.decode((self.directory / node_id / "wish.json").read_bytes(), type=_DesiredSidecar)
        except (OSError, msgspec.DecodeError):
            return None

    def _sidecar(self, node_id: str, desired: _DesiredSidecar) -> Sidecar:
        record = processes.read(self.directory / node_id / "record.json")
        pid = record.pid if record is not None and processes.alive(record) else None
        return Sidecar(
            node_id=node_id,
            digest=desired.digest,
            pid=pid,
            state="restarting" if pid is None else "running",
            restarts=self._crashes[node_id].count if node_id in self._crashes else 0,
        )


def _account(user: str) -> pwd.struct_passwd | None:
    """The user that sidecars run as; None for that of this process. Raises FleetError."""
    if os.geteuid() != 0 or user == "root":
        return None
    try:
        return pwd.getpwnam(user)
    except KeyError as error:
        raise FleetError(f"there is no user {user} on this host: let MESHWRIGHT_ENVOY_USER name one") from error


def _reaches(account: pwd.struct_passwd, directory: Path) -> bool:
    """Whether this user can access the directory; Envoy cannot read a file without access to its path."""
    for folder in directory.parents:
        mode = folder.stat().st_mode if folder.exists() else 0o755
        if not mode & 0o001:
            _log.warning(
                "sidecars run as root: %s cannot be accessed by %s; move MESHWRIGHT_DATA_DIR where it can go, or "
                "set MESHWRIGHT_ENVOY_USER=root to confirm",
                folder,
                account.pw_name,
            )
            return False
    return True


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # it may be older than this rule


def _environment() -> dict[str, str]:
    """The environment of Envoy, which needs no variables of the worker and must not get its secrets."""
    kept = ("PATH", "HOME", "TMPDIR", processes.MARKER)
    return {name: os.environ[name] for name in kept if name in os.environ}
