"""The processes of a local stack: what each is started with, and when it counts as ready.

Invariant: a part is described by data alone; equal descriptions have equal digests, so `up` can tell a process
that may be joined from one that was started with other settings and has to be restarted.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshwright.core import binaries, processes
from meshwright.workers.local.home import Home, Ports

HOST = "127.0.0.1"
REPLICA_SET = "rs0"
_BESIDE_STREAMS_GIB = 1.0
"""for leases, presence, desired state and blobs, which reserve nothing"""

Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Existing servers to use instead of own ones; empty for own."""

    nats: str = ""
    mongodb: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process. `ready` is asked again and again until it says yes; None for those that nobody waits for."""

    name: str
    command: list[str]
    ready: Check | None
    where: str = ""
    grace: float = 10.0
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of everything it is started with."""
        settings = (f"{name}={value}" for name, value in sorted(self.settings.items()))
        return processes.digest_of([*self.command, *settings])


def servers(home: Home, ports: Ports, existing: Servers) -> list[Part]:
    """NATS and MongoDB, unless existing ones are used.

    Raises binaries.BinaryMissingError when a program is nowhere.
    """
    parts = []
    if not existing.nats:
        parts.append(_nats(home, ports.nats))
    if not existing.mongodb:
        parts.append(_mongodb(home, ports.mongodb))
    return parts


def _nats(home: Home, port: int) -> Part:
    store = home.directory / "nats"
    # Left to itself the server offers three quarters of the disk that is free at its start, and when that has become
    # less than the streams reserve it does not bring them back.
    room = int((home.streams_gib() + _BESIDE_STREAMS_GIB) * 2**30)
    # By default it writes to the disk two minutes after it has acknowledged, which a power cut would make a lie.
    settings = f"store_dir: {json.dumps(str(store))}, max_file_store: {room}, sync_interval: always"
    config = home.directory / "nats.conf"
    processes.replace(config, f"jetstream {{ {settings} }}\n".encode())
    command = [str(binaries.nats_server()), "-a", HOST, "-p", str(port), "-c", str(config)]
    return Part(name="nats-server", command=command, ready=lambda: greets(port), where=f"nats://{HOST}:{port}")


def _mongodb(home: Home, port: int) -> Part:
    data = home.directory / "mongodb"
    data.mkdir(mode=0o700, exist_ok=True)
    command = [
        str(binaries.mongod()),
        *("--dbpath", str(data), "--bind_ip", HOST, "--port", str(port), "--replSet", REPLICA_SET),
        *("--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "512", "--nounixsocket", "--quiet"),
        # 15 s by default, to let other members take over; there are none.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    return Part(
        name="mongod",
        command=command,
        ready=lambda: writable(port),
        where=f"mongodb://{HOST}:{port}",
        grace=20.0,
    )


def own(home: Home, ports: Ports, existing: Servers, api_ready: Check) -> list[Part]:
    """Meshwright's own processes, each started by its console command."""
    settings = {
        "MESHWRIGHT_NATS_URL": existing.nats or f"nats://{HOST}:{ports.nats}",
        "MESHWRIGHT_MONGODB_URL": existing.mongodb or f"mongodb://{HOST}:{ports.mongodb}/?replicaSet={REPLICA_SET}",
        **({} if existing.nats else {"MESHWRIGHT_STREAMS_GIB": f"{home.streams_gib():g}"}),
        "MESHWRIGHT_DATA_DIR": str(home.data),
        "MESHWRIGHT_ADMIN_TOKEN_FILE": str(home.token_file),
        "MESHWRIGHT_SECRET_KEY_FILE": str(home.secret_key_file),
        "MESHWRIGHT_API_HOST": HOST,
        "MESHWRIGHT_API_PORT": str(ports.api),
    }
    commands = {
        "api": ["meshwright-api"],
        "projector": ["meshwright-projector"],
        "scheduler": ["meshwright-scheduler"],
        "notifier": ["meshwright-notifier"],
        "adapter-envoy": ["meshwright-adapter", "envoy"],
    }
    checks = {"api": api_ready}
    places = {"api": f"http://{HOST}:{ports.api}"}
    return [
        Part(
            name=name,
            command=[console(command[0]), *command[1:]],
            ready=checks.get(name),
            where=places.get(name, ""),
            settings=settings,
        )
        for name, command in commands.items()
    ]


def shop(home: Home, ports: Ports) -> Part:
    """The demo shop."""
    return Part(
        name="shop",
        command=[console("meshwright-shop"), str(home.layout)],
        ready=lambda: listens(ports.shop["front"]),
        where=f"http://{HOST}:{ports.shop['front']}",
    )


def console(name: str) -> str:
    """The console command beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


async def listens(port: int) -> bool:
    """Whether somebody accepts connections."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def greets(port: int) -> bool:
    """Whether nats-server says its INFO, which it does once JetStream has recovered its files."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    try:
        return await reader.read(4) == b"INFO"
    except OSError:
        return False
    finally:
        writer.close()


async def writable(port: int) -> bool:
    """Whether mongod takes writes; a fresh one is made a replica set of one."""
    if not await listens(port):
        return False
    from meshwright.core.store import replica_set  # the driver takes 0.3 s to import while mongod starts

    await replica_set.initiate(HOST, port, name=REPLICA_SET)
    return True
