"""The folder of a local stack: its token, its ports, its records, its data.

Invariant: what is chosen once (token, ports, room) stays until the folder is wiped; secrets are readable by their owner
only; one `up` or `down` works on it at a time.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from meshwright.core import ports, processes
from meshwright.schemas.base import Model, Port

FOLDER = ".meshwright"
LOCK_WITHIN = 120.0  # seconds that a second `up` waits for the first
STREAMS_GIB = 10.0  # for the streams where the disk has plenty
LEAST_GIB = 0.5


class LocalError(Exception):
    """The stack cannot be started or stopped; the text says what, why and what to do."""


class Ports(Model, frozen=True, kw_only=True):
    """Who listens where on loopback."""

    nats: Port
    mongodb: Port
    api: Port
    shop: dict[str, Port]

    def all(self) -> set[int]:
        """Every port in use by the stack."""
        return {self.nats, self.mongodb, self.api, *self.shop.values()}


@dataclass(frozen=True)
class Home:
    """Paths of one stack. The names of `admin-token` and `api-url` are known to the CLI."""

    directory: Path

    @property
    def token_file(self) -> Path:
        """The admin token, 256 random bits."""
        return self.directory / "admin-token"

    @property
    def secret_key_file(self) -> Path:
        """The key that seals secrets on the stream; the first process that needs it makes it."""
        return self.directory / "secret-keys"

    @property
    def api_url_file(self) -> Path:
        """Where the API answers."""
        return self.directory / "api-url"

    @property
    def layout(self) -> Path:
        """What the shop reads."""
        return self.directory / "shop.json"

    @property
    def data(self) -> Path:
        """What the processes keep (MESHWRIGHT_DATA_DIR)."""
        return self.directory / "data"

    @property
    def marker(self) -> str:
        """The environment entry that every process of this stack carries."""
        return f"{processes.MARKER}={self.directory}"

    def log(self, part: str) -> Path:
        """Where a process writes."""
        return self.directory / "logs" / f"{part}.log"

    def record(self, part: str) -> Path:
        """Who a process is."""
        return self.directory / "run" / f"{part}.json"

    def prepare(self) -> None:
        """Make the folder and, the first time, the token."""
        for folder in (self.directory, self.directory / "logs", self.directory / "run", self.data):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.token_file.exists():
            processes.replace(self.token_file, secrets.token_urlsafe(32).encode(), mode=0o600)

    def ports(self) -> Ports | None:
        """The remembered ports, None the first time."""
        try:
            return msgspec.json.decode((self.directory / "ports.json").read_bytes(), type=Ports)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def choose_ports(self, shop: Collection[str], running: Collection[str]) -> Ports:
        """The remembered ports; one that a stranger took meanwhile is chosen anew, save MongoDB's.

        `running` names the parts whose ports are taken by themselves. Raises LocalError when MongoDB's port was
        taken, because a replica set knows its members by address.
        """
        known = self.ports()
        taken = known.all() if known else set()
        wishes = {"nats": 14_222, "mongodb": 27_117, "api": 8_080}
        chosen: dict[str, int] = {}
        for name, preferred in wishes.items():
            port: int | None = getattr(known, name) if known else None
            if port is None or not (name in running or ports.bindable(port)):
                if port is not None and name == "mongodb":
                    raise LocalError(
                        f"port {port}, which this stack's MongoDB was set up with, is taken by another program. "
                        "End that program, or forget the stack's data with `make down WIPE=1`."
                    )
                port = ports.choose(preferred, taken=taken | set(chosen.values()))
            chosen[name] = port
        keepers = self._shop_ports(known, shop, "shop" in running, taken | set(chosen.values()))
        settled = Ports(**chosen, shop=keepers)
        processes.replace(self.directory / "ports.json", msgspec.json.encode(settled))
        processes.replace(self.api_url_file, f"http://127.0.0.1:{settled.api}\n".encode())
        return settled

    def streams_gib(self) -> float:
        """How much the streams may hold, chosen once.

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

    def _shop_ports(
        self, known: Ports | None, names: Collection[str], running: bool, taken: set[int]
    ) -> dict[str, int]:
        kept = {
            name: port
            for name, port in (known.shop if known else {}).items()
            if name in names and (running or ports.bindable(port))
        }
        new = [name for name in names if name not in kept]
        return kept | dict(zip(new, ports.choose_many(len(new), 18_081, taken=taken), strict=True))

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Hold the folder alone. Raises LocalError when another `up` or `down` holds it for two minutes."""
        deadline = time.monotonic() + LOCK_WITHIN
        while (descriptor := self._try_lock()) is None:
            if time.monotonic() > deadline:
                raise LocalError(f"another up or down is at work in {self.directory}")
            await asyncio.sleep(0.05)
        try:
            yield
        finally:
            os.close(descriptor)

    def _try_lock(self) -> int | None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A `down --wipe` may have removed the file while it was being opened: that lock is nobody's.
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return None

    def wipe(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.directory, ignore_errors=True)


def find(environ: Mapping[str, str]) -> Home:
    """MESHWRIGHT_HOME, else `.meshwright` in the working directory."""
    return Home(Path(environ.get("MESHWRIGHT_HOME") or FOLDER).absolute())


def room(free_bytes: int) -> float:
    """GiB for the streams on a disk with so much free: a quarter of it, since MongoDB keeps the views of it all."""
    return min(STREAMS_GIB, round(free_bytes / 2**30 / 4, 1))
