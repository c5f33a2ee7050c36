"""The folder of a local stack: its token, its ports, its process records, its data.

Invariant: values chosen once (token, ports, size limit) stay until the folder is wiped; secrets are readable by their
owner only; only one `up` or `down` works on it at a time.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from meshwright.core.machine import listeners, ports, processes
from meshwright.core.machine.ports import Registry
from meshwright.core.security import secret_files
from meshwright.schemas.base import Model, Port

FOLDER = ".meshwright"
LOCK_WITHIN = 120.0  # seconds that a second `up` waits for the first
STREAMS_GIB = 10.0  # GiB for the streams on a large disk
LEAST_GIB = 0.5
HOST = "127.0.0.1"
_WISHES = {"nats": 14_222, "mongodb": 27_117, "api": 8_080}
_SHOP_FROM = 18_081

M = TypeVar("M", bound=Model)


class LocalError(Exception):
    """The stack cannot be started or stopped; the text says what, why and what to do."""


class Plan(Model, frozen=True, kw_only=True):
    """The options of one `up`; the supervisor restarts parts from the same."""

    nats: str = ""
    """the URL of an existing server to use; empty to start one"""
    mongodb: str = ""
    settings: dict[str, str] = {}
    """environment variables for Meshwright's own processes, as `up` found them"""

    def differs_from(self, other: "Plan") -> list[str]:
        """The names of the options that differ, as users write them."""
        names = [name for name in ("nats", "mongodb") if getattr(self, name) != getattr(other, name)]
        every = sorted({*self.settings, *other.settings})
        return [name.upper() for name in names] + [
            name for name in every if self.settings.get(name) != other.settings.get(name)
        ]


class Ports(Model, frozen=True, kw_only=True):
    """The port of each part on loopback."""

    nats: Port
    mongodb: Port
    api: Port
    shop: dict[str, Port]

    def all(self) -> set[int]:
        """Every port in use by the stack."""
        return {self.nats, self.mongodb, self.api, *self.shop.values()}


@dataclass(frozen=True)
class Home:
    """Paths of one stack. The CLI relies on the names `admin-token` and `api-url`."""

    directory: Path

    @property
    def token_file(self) -> Path:
        """The admin token, 256 random bits."""
        return self.directory / "admin-token"

    @property
    def secret_key_file(self) -> Path:
        """The key that seals secrets on the stream; the first process that needs it creates it."""
        return self.directory / "secret-keys"

    @property
    def mongodb_secrets(self) -> Path:
        """MongoDB's key and the credentials of its users."""
        return self.directory / "mongodb-users"

    @property
    def nats_users(self) -> Path:
        """The users of NATS: a credentials file for each process, and the configuration that names them."""
        return self.directory / "nats-users"

    @property
    def api_url_file(self) -> Path:
        """The file with the API's URL."""
        return self.directory / "api-url"

    @property
    def layout(self) -> Path:
        """The layout file of the shop."""
        return self.directory / "shop.json"

    @property
    def data(self) -> Path:
        """The data folder of the processes (MESHWRIGHT_DATA_DIR)."""
        return self.directory / "data"

    @property
    def marker(self) -> str:
        """The environment entry that every process of this stack carries."""
        return f"{processes.MARKER}={self.directory}"

    @property
    def plan_file(self) -> Path:
        """The options of the last `up`."""
        return self.directory / "plan.json"

    @property
    def notes_file(self) -> Path:
        """What the supervisor recorded about parts that exited."""
        return self.directory / "notes.json"

    def log(self, part: str) -> Path:
        """The log of a process."""
        return self.directory / "logs" / f"{part}.log"

    def record(self, part: str) -> Path:
        """The record of a process."""
        return self.directory / "run" / f"{part}.json"

    def prepare(self) -> None:
        """Create the folder and, the first time, the token.

        Raises LocalError when other users may have access to the folder.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.directory.stat()
        if status.st_uid != os.geteuid():
            raise LocalError(
                f"{self.directory} belongs to another user, who could read this stack's secrets. "
                "Let MESHWRIGHT_HOME name a folder of your own."
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            self.directory.chmod(0o700)
        for folder in (self.directory / "logs", self.directory / "run", self.data):
            folder.mkdir(mode=0o700, exist_ok=True)
        secret_files.read_or_make(self.token_file, lambda: secrets.token_urlsafe(32))

    def plan(self) -> Plan | None:
        """The options of the last `up`, None before the first."""
        return _read(self.plan_file, Plan)

    def ports(self) -> Ports | None:
        """The remembered ports, None the first time."""
        return _read(self.directory / "ports.json", Ports)

    def choose_ports(self, shop: Collection[str], running: Collection[str]) -> Ports:
        """The saved ports; one that was taken meanwhile is replaced, except the port of a MongoDB with data.

        `running` names the parts that hold their ports themselves. Raises LocalError when the port of a MongoDB that
        has data was taken, because a replica set knows its members by address.
        """
        known, registry = self.ports(), Registry()
        try:
            foreign = registry.assign(known.all() if known else (), owner=self.directory)
            chosen = {name: self._port_of(name, known, foreign, name in running, registry) for name in _WISHES}
            keepers = self._shop_ports(known, shop, foreign, "shop" in running, registry)
            settled = Ports(**chosen, shop=keepers)
            registry.assign(settled.all(), owner=self.directory, seize=True)
        except OSError as error:
            raise LocalError(f"no ports can be chosen: {error}") from error
        processes.replace(self.directory / "ports.json", msgspec.json.encode(settled))
        processes.replace(self.api_url_file, f"http://{HOST}:{settled.api}\n".encode())
        return settled

    def _port_of(self, name: str, known: Ports | None, foreign: set[int], running: bool, registry: Registry) -> int:
        port: Port | None = getattr(known, name) if known else None
        # A replica set knows its members by address, so its port counts as free unless another process listens there,
        # even if another stack, which can choose another one, has reserved it while this one was down.
        is_fixed = name == "mongodb" and any((self.directory / "mongodb").glob("*"))
        if port is not None and (running or ((is_fixed or port not in foreign) and ports.bindable(port))):
            return port
        if port is not None and is_fixed:
            raise LocalError(
                f"port {port}, which this stack's MongoDB was set up with, is taken by "
                f"{listeners.held_by(port) or 'another program'}. "
                "Stop that program, or delete the stack's data with `make down WIPE=1`."
            )
        return registry.reserve(1, _WISHES[name], owner=self.directory)[0]

    def _shop_ports(
        self, known: Ports | None, names: Collection[str], foreign: set[int], running: bool, registry: Registry
    ) -> dict[str, int]:
        kept = {
            name: port
            for name, port in (known.shop if known else {}).items()
            if name in names and (running or (port not in foreign and ports.bindable(port)))
        }
        new = [name for name in names if name not in kept]
        return kept | dict(zip(new, registry.reserve(len(new), _SHOP_FROM, owner=self.directory), strict=True))

    def choose_streams_gib(self, wanted: str) -> None:
        """Set the size limit of the streams. Raises LocalError when the value is not a size."""
        try:
            size = float(wanted)
        except ValueError:
            size = 0.0
        if not 0 < size <= 1e9:
            raise LocalError(f"MESHWRIGHT_STREAMS_GIB={wanted!r}: a number of GiB above 0")
        processes.replace(self.directory / "streams-gib", f"{size:g}\n".encode())

    def streams_gib(self) -> float:
        """The size limit of the streams, chosen once.

        Raises LocalError when the disk has no room.
        """
        path = self.directory / "streams-gib"
        with contextlib.suppress(FileNotFoundError, ValueError):
            return float(path.read_text())
        chosen = room(shutil.disk_usage(self.directory).free)
        if chosen < LEAST_GIB:
            raise LocalError(
                f"the disk of {self.directory} has less than {4 * LEAST_GIB:g} GiB free, which Meshwright needs. "
                "Free some, or let MESHWRIGHT_HOME name a folder on another disk."
            )
        processes.replace(path, f"{chosen:g}\n".encode())
        return chosen

    @contextlib.contextmanager
    def shared(self) -> Iterator[bool]:
        """Take a shared lock on the folder; false, without a lock, while an `up` or `down` is running."""
        descriptor = self._try_lock(fcntl.LOCK_SH)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Take an exclusive lock on the folder.

        Raises LocalError when another `up` or `down` holds it for two minutes.
        """
        deadline = time.monotonic() + LOCK_WITHIN
        while (descriptor := self._try_lock(fcntl.LOCK_EX)) is None:
            if time.monotonic() > deadline:
                raise LocalError(f"another up or down is running in {self.directory}")
            await asyncio.sleep(0.05)
        try:
            yield
        finally:
            os.close(descriptor)

    def _try_lock(self, kind: int) -> int | None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            # A `down --wipe` may have removed the file while it was being opened: then the lock is useless.
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return None

    def wipe(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.directory, ignore_errors=True)
        with contextlib.suppress(OSError):  # its reservations of ports end when the folder is gone
            Registry().release(self.directory)


def find(environ: Mapping[str, str]) -> Home:
    """The folder of this stack: MESHWRIGHT_HOME, else `.meshwright` in the working directory."""
    return Home(Path(environ.get("MESHWRIGHT_HOME") or FOLDER).absolute())


def room(free_bytes: int) -> float:
    """GiB for the streams on a disk with this much free: a quarter of it, since MongoDB stores views of all
    messages.
    """
    return min(STREAMS_GIB, round(free_bytes / 2**30 / 4, 1))


def _read(path: Path, kind: type[M]) -> M | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
