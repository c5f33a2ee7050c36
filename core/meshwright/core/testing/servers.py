"""Real NATS and MongoDB servers for one test or one test process.

Problem: this product's guarantees (nothing lost, nothing twice) can only be proven on servers that are killed and
restarted. Invariant: a server keeps its port and its data folder through `stop`, `kill` and `restart`, and is ready
when `start` returns; leaving the `async with` ends the process and removes a folder that the server created itself.
"""

import asyncio
import json
import os
import random
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from meshwright.core.machine import binaries, ports, processes
from meshwright.core.security import mongodb_users
from meshwright.core.store import StoreUnavailable, provisioning
from meshwright.core.testing import children, identities, mongo_users

HOST = "127.0.0.1"
_FIRST_PORT, _LAST_PORT = 12_000, 30_000
_RANDOM: Final = random.SystemRandom()
_given: set[int] = set()
"""the ports that this process has chosen"""
READY_S = 30
STOP_S = 10


class ServerFailedError(RuntimeError):
    """A server did not become ready; the message has the end of its log."""


class Server(ABC):
    """A real server on loopback, not yet started."""

    image: str
    """Container image, used only when containers are requested."""

    def __init__(self, folder: Path | None = None) -> None:
        """With `folder` the data is kept after the server; without it the data is removed with the server."""
        self._temporary: Final = folder is None
        self.folder: Final = folder or Path(tempfile.mkdtemp(prefix="meshwright-"))
        self.port: Final = free_port()
        self._contained: Final = _containers_wanted()
        self._process: children.Process | None = None

    async def start(self) -> None:
        """Starts the process and waits until it is ready; raises ServerFailedError if it is not within 30 s."""
        assert self._process is None, "already started"
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self._command()
        self._process = self._spawn(command)
        try:
            async with asyncio.timeout(READY_S):
                await self._ready()
        except (TimeoutError, OSError, StoreUnavailable) as error:
            await self.kill()
            raise ServerFailedError(
                f"{command[0]} did not become ready: {error}\n{processes.tail(self._log, 20)}"
            ) from error

    async def stop(self) -> None:
        """Stops it gracefully, by SIGKILL after 10 s; does nothing when it does not run."""
        if self._process:
            self._process.terminate()
            if await children.ended(self._process, STOP_S):
                self._process = None
        await self.kill()

    async def kill(self) -> None:
        """Kills it (SIGKILL); does nothing when it does not run."""
        if self._process:
            self._process.kill()
            await children.ended(self._process, STOP_S)
            self._process = None

    async def restart(self) -> None:
        """`stop` and `start` on the same port with the same data."""
        await self.stop()
        await self.start()

    async def copy_to(self, folder: Path) -> None:
        """Stops it, copies its data folder, and starts it again."""
        await self.stop()
        await asyncio.to_thread(shutil.copytree, self.folder, folder)
        await self.start()

    async def go_back_to(self, folder: Path) -> None:
        """Kills it and replaces its data folder by that copy; does not start it."""
        await self.kill()
        await asyncio.to_thread(shutil.rmtree, self.folder)
        await asyncio.to_thread(shutil.copytree, folder, self.folder)

    async def close(self) -> None:
        """Stops it, and removes the folder if the server created it."""
        await self.stop()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id, for signals other than these methods send; `AttributeError` for a container."""
        assert self._process is not None, "not started"
        return int(getattr(self._process, "pid"))  # noqa: B009 - only a local process has one

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL for clients."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    def _spawn(self, command: list[str]) -> children.Process:
        if self._contained:
            from meshwright.core.testing import containers

            return containers.ContainerProcess(self.image, command, self.folder)
        return children.start(command, self._log)

    async def _ready(self) -> None:
        while not await self._greets():
            assert self._process is not None
            if self._process.poll() is not None:
                raise OSError("the process ended at once")
            await asyncio.sleep(0.005)

    async def _greets(self) -> bool:
        return await _connects(self.port)

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"


class NatsServer(Server):
    """nats-server with JetStream on file storage."""

    image = "nats:2.12"

    def __init__(
        self,
        folder: Path | None = None,
        *,
        config: str = "",
        adapters: Iterable[str] = identities.ADAPTERS,
        store_bytes: int | None = None,
        monitoring: bool = False,
        sync_always: bool = False,
    ) -> None:
        """`store_bytes` limits JetStream's storage; `config` replaces the users, of which `adapters` are some.

        With `sync_always` a message is synced to disk before it is acknowledged, as in `make up`.
        """
        super().__init__(folder)
        self._sync: Final = ", sync_interval: always" if sync_always else ""
        self._store_bytes: Final = store_bytes
        self._config: Final = config
        self._adapters: Final = tuple(adapters)
        self._monitoring_port: Final = free_port() if monitoring else None

    @property
    def url(self) -> str:
        """`nats://USER:PASSWORD@127.0.0.1:PORT`, for the test, which has all rights."""
        return f"nats://{identities.TESTER}:{identities.TESTER}@{HOST}:{self.port}"

    def through(self, port: int) -> str:
        """The same URL with the port of a proxy on this host."""
        return self.url.replace(f":{self.port}", f":{port}")

    @property
    def address(self) -> str:
        """`nats://127.0.0.1:PORT`, for clients that have their own credentials or need them."""
        return f"nats://{HOST}:{self.port}"

    @property
    def monitoring_url(self) -> str:
        """`http://127.0.0.1:PORT`, if monitoring is on."""
        assert self._monitoring_port is not None, "created without monitoring=True"
        return f"http://{HOST}:{self._monitoring_port}"

    def _command(self) -> list[str]:
        limit = "" if self._store_bytes is None else f", max_file_store: {self._store_bytes}"
        settings = [
            f"listen: {json.dumps(f'{HOST}:{self.port}')}",
            f"jetstream {{ store_dir: {json.dumps(str(self.folder / 'jetstream'))}{limit}{self._sync} }}",
            self._config or identities.configuration(self._adapters),
        ]
        if self._monitoring_port:
            settings.append(f"http: {json.dumps(f'{HOST}:{self._monitoring_port}')}")
        path = self.folder / "nats.conf"
        path.write_text("\n".join(settings))
        program = "nats-server" if self._contained else str(binaries.nats_server())
        return [program, "--config", str(path)]

    async def _greets(self) -> bool:
        # It accepts clients after JetStream has recovered its files, and sends INFO to each.
        return (await _first_bytes(self.port)).startswith(b"INFO")


class MongoServer(Server):
    """mongod as a small replica set with one member."""

    image = "mongo:6.0"

    database = "meshwright"
    """the database whose users the server creates at its start"""

    @property
    def url(self) -> str:
        """`mongodb://USER:PASSWORD@127.0.0.1:PORT/?replicaSet=rs0`, for the test, which has all rights."""
        return f"mongodb://{mongo_users.TESTER.line}@{self.address.removeprefix('mongodb://')}"

    @property
    def address(self) -> str:
        """`mongodb://127.0.0.1:PORT/?replicaSet=rs0`, for clients that have their own credentials or need them."""
        return f"mongodb://{HOST}:{self.port}/?replicaSet={provisioning.REPLICA_SET}"

    def through(self, port: int) -> str:
        """The same URL with the port of a proxy on this host."""
        # Directly: the replica set would send its clients the address behind the proxy.
        return f"mongodb://{mongo_users.TESTER.line}@{HOST}:{port}/?directConnection=true"

    @property
    def secrets(self) -> Path:
        """The folder with its key and the credentials of the users of `database`."""
        return self.folder / "secrets"

    def _command(self) -> list[str]:
        data = self.folder / "db"
        data.mkdir(exist_ok=True)
        users = mongodb_users.Secrets(self.secrets)
        users.make()
        program = "mongod" if self._contained else str(binaries.mongod())
        parameters = {
            "diagnosticDataCollectionEnabled": "false",
            "shutdownTimeoutMillisForSignaledShutdown": "100",  # 15 s by default, for a failover to other members
            "ttlMonitorSleepSecs": "1",  # 60 by default, which is too long for a test of expiry
        }
        return [
            program,
            *("--dbpath", str(data), "--bind_ip", HOST, "--port", str(self.port)),
            *("--replSet", provisioning.REPLICA_SET),
            *("--keyFile", str(users.key_file), *mongodb_users.SERVER_OPTIONS),
            *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "100", "--nounixsocket", "--quiet"),
            *(word for pair in parameters.items() for word in ("--setParameter", "=".join(pair))),
        ]

    async def _ready(self) -> None:
        await super()._ready()
        await asyncio.to_thread(provisioning.provision, HOST, self.port, self.secrets, self.database)
        await asyncio.to_thread(provisioning.crown, HOST, self.port, self.secrets, mongo_users.TESTER)
        await asyncio.to_thread(mongo_users.grant, self.url, self.database)


def _containers_wanted() -> bool:
    if os.environ.get("MESHWRIGHT_TEST_CONTAINERS") != "1":
        return False
    # Imported on request only: it needs Docker's client, which third-party test suites need not have.
    from meshwright.core.testing import containers

    return containers.daemon_answers()


def free_port() -> int:
    """A free port on loopback that this process was not given before."""
    # Parallel test processes have separate ranges, since a port is only bound later.
    process, count = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    size = (_LAST_PORT - _FIRST_PORT) // int(count)
    first = _FIRST_PORT + size * int(process.removeprefix("gw"))
    # Not by `random` itself, which property tests seed: the same ports would be chosen again.
    port = ports.choose(first + _RANDOM.randrange(size), taken=_given)
    _given.add(port)
    return port


async def _first_bytes(port: int) -> bytes:
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return b""
    try:
        return await reader.read(4)
    finally:
        writer.close()


async def _connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
