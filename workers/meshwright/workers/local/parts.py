"""The processes of a local stack: what each is started with, and when it is ready.

Invariant: a part is described by data alone; equal descriptions have equal digests, so `up` can distinguish a process
that may be joined from one that was started with other settings and must be restarted.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from meshwright.core.machine import binaries, processes
from meshwright.core.security import mongodb_users, nats_users
from meshwright.workers.local import full_disk, streams
from meshwright.workers.local.home import HOST, Home, Plan, Ports

SUPERVISOR = "supervisor"
REPLICA_SET = "rs0"
OWN = {
    "api": ["meshwright-api"],
    "projector": ["meshwright-projector"],
    "scheduler": ["meshwright-scheduler"],
    "notifier": ["meshwright-notifier"],
    "discovery": ["meshwright-discovery"],
    **{f"adapter-{name}": ["meshwright-adapter", name] for name in streams.OWN_ADAPTERS},
}
"""Meshwright's own processes, by their console command"""
LATER = {f"adapter-{name}" for name in streams.OWN_ADAPTERS if name != "envoy"}
"""those that the demo does not need: started when it runs, so that it is there sooner"""
_MONGODB_DATABASE = "meshwright"
NEAR = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
"""destinations that connections may use by default: clusters are usually on this host or near it, and the user of the
stack is the one who started it"""
_BESIDE_STREAMS_GIB = 1.0
"""size limit for leases, presence and desired state, which reserve nothing"""

Check = Callable[[], Awaitable[bool]]


async def _nothing() -> None:
    pass


def _healthy(_: processes.Record) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process. `ready` is polled until it is true; None for parts that are not waited for."""

    name: str
    command: list[str]
    ready: Check | None
    port: int | None = None
    """port on loopback; no request is sent to it until this process itself listens there"""
    before: Callable[[], Awaitable[None]] = _nothing
    """preparation before each start, also when the part's data was deleted"""
    restart_reason: Callable[[processes.Record], str] = _healthy
    """the reason why a running process must be restarted; empty when it need not be"""
    where: str = ""
    grace: float = 10.0
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A digest of everything it is started with."""
        settings = (f"{name}={value}" for name, value in sorted(self.settings.items()))
        return processes.digest_of([*self.command, *settings])


def everything(home: Home, ports: Ports, plan: Plan) -> list[Part]:
    """Every part of the stack, servers first. Raises binaries.BinaryMissingError when a program is not installed."""
    return [*servers(home, ports, plan), shop(home, ports), *own(home, ports, plan)]


def expected(ports: Ports, plan: Plan) -> dict[str, list[int]]:
    """The names of all parts of the stack, and the ports that each holds while it runs."""
    servers = {
        **({} if plan.nats else {"nats-server": [ports.nats]}),
        **({} if plan.mongodb else {"mongod": [ports.mongodb]}),
    }
    quiet: dict[str, list[int]] = {name: [] for name in OWN if name != "api"}
    return servers | {"shop": list(ports.shop.values()), "api": [ports.api]} | quiet


def servers(home: Home, ports: Ports, plan: Plan) -> list[Part]:
    """NATS and MongoDB, unless existing ones are used.

    Raises binaries.BinaryMissingError when a program is not installed.
    """
    parts = []
    if not plan.nats:
        parts.append(_nats(home, plan, ports.nats))
    if not plan.mongodb:
        parts.append(_mongodb(home, ports.mongodb))
    return parts


def _nats(home: Home, plan: Plan, port: int) -> Part:
    store = home.directory / "nats"
    # By default the server's limit is three quarters of the disk that is free at its start, and when that has become
    # less than the streams reserve it does not restore them.
    room = int((home.streams_gib() + _BESIDE_STREAMS_GIB) * 2**30)
    # By default it syncs to disk up to two minutes after an ack, so a power cut would lose acknowledged messages.
    settings = f"store_dir: {json.dumps(str(store))}, max_file_store: {room}, sync_interval: always"
    users = json.dumps(f"{home.nats_users.name}/{nats_users.CONFIGURATION}")  # relative to the file that includes it
    config = home.directory / "nats-server.conf"
    processes.replace(config, f"jetstream {{ {settings} }}\ninclude {users}\n".encode())
    command = [str(binaries.nats_server()), "-a", HOST, "-p", str(port), "-c", str(config)]
    log = home.log("nats-server")
    return Part(
        name="nats-server",
        command=command,
        ready=lambda: has_streams(home, plan, port),
        port=port,
        before=lambda: streams.move_to_own_account(store),
        restart_reason=lambda record: full_disk.restart_reason(record, log, store),
        where=f"nats://{HOST}:{port}",
    )


def _mongodb(home: Home, port: int) -> Part:
    data = home.directory / "mongodb"
    users = mongodb_users.Secrets(home.mongodb_secrets)

    async def before() -> None:
        data.mkdir(mode=0o700, exist_ok=True)
        users.make()

    command = [
        str(binaries.mongod()),
        *("--dbpath", str(data), "--bind_ip", HOST, "--port", str(port), "--replSet", REPLICA_SET),
        *("--keyFile", str(users.key_file), *mongodb_users.SERVER_OPTIONS),
        *("--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "512", "--nounixsocket", "--quiet"),
        # 15 s by default, for a failover to other members; there are none.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    return Part(
        name="mongod",
        command=command,
        ready=lambda: writable(home, port),
        port=port,
        before=before,
        where=f"mongodb://{HOST}:{port}",
        grace=20.0,
    )


def chosen_here(home: Home, ports: Ports, plan: Plan) -> dict[str, str]:
    """The settings that the stack chooses for its processes, unless the environment sets them."""
    return {
        "MESHWRIGHT_NATS_URL": plan.nats or f"nats://{HOST}:{ports.nats}",
        "MESHWRIGHT_MONGODB_URL": plan.mongodb or f"mongodb://{HOST}:{ports.mongodb}/?replicaSet={REPLICA_SET}",
        **({} if plan.mongodb else {"MESHWRIGHT_MONGODB_DATABASE": _MONGODB_DATABASE}),
        # The stack's own nats-server is on loopback without TLS, which a process with a CA file would require.
        **({} if plan.nats else {"MESHWRIGHT_STREAMS_GIB": f"{home.streams_gib():g}", "MESHWRIGHT_NATS_CA_FILE": ""}),
        "MESHWRIGHT_DATA_DIR": str(home.data),
        "MESHWRIGHT_ADMIN_TOKEN_FILE": str(home.token_file),
        "MESHWRIGHT_SECRET_KEY_FILE": str(home.secret_key_file),
        "MESHWRIGHT_API_HOST": HOST,
        "MESHWRIGHT_API_PORT": str(ports.api),
    }


def own(home: Home, ports: Ports, plan: Plan) -> list[Part]:
    """Meshwright's own processes, each started by its console command."""
    # The user of the stack is the one who started it, and can read the files of this host anyway.
    charts = {f"MESHWRIGHT_{name.upper()}_CHART_FOLDERS": "/" for name in streams.OWN_ADAPTERS}
    settings = {"MESHWRIGHT_CONNECTION_ALLOW": NEAR} | charts | plan.settings | chosen_here(home, ports, plan)
    api = f"http://{HOST}:{ports.api}"
    return [
        Part(
            name=name,
            command=[console(command[0]), *command[1:]],
            ready=(lambda: answers(f"{api}/readyz")) if name == "api" else None,
            port=ports.api if name == "api" else None,
            where=api if name == "api" else "",
            settings=settings | _nats_credentials(home, name) | _mongodb_credentials(home, plan, name),
        )
        for name, command in OWN.items()
    ]


def _nats_credentials(home: Home, component: str) -> dict[str, str]:
    """The NATS credentials of a process. None for an existing server that admits anonymous clients."""
    path = nats_users.file(home.nats_users, component)
    return {"MESHWRIGHT_NATS_CREDENTIALS_FILE": str(path)} if path else {}


def _mongodb_credentials(home: Home, plan: Plan, name: str) -> dict[str, str]:
    """The MongoDB credentials of a process; for an existing server only if the files exist."""
    file = mongodb_users.Secrets(home.mongodb_secrets).credentials_file(name)
    if name not in mongodb_users.ROLES or (plan.mongodb and not file.exists()):
        return {}
    return {"MESHWRIGHT_MONGODB_CREDENTIALS_FILE": str(file)}


def shop(home: Home, ports: Ports) -> Part:
    """The demo shop."""
    return Part(
        name="shop",
        command=[console("meshwright-shop"), str(home.layout)],
        ready=lambda: listens(ports.shop["front"]),
        port=ports.shop["front"],
        where=f"http://{HOST}:{ports.shop['front']}",
    )


def supervisor(home: Home, plan: Plan, everything: Iterable[Part]) -> Part:
    """The supervisor, which restarts the others; it is restarted when the arguments of any of them change."""
    parts = processes.digest_of(part.digest for part in everything)
    return Part(
        name=SUPERVISOR,
        command=[console("meshwright-local"), "supervise"],
        ready=None,
        settings={**plan.settings, "MESHWRIGHT_HOME": str(home.directory), "MESHWRIGHT_PARTS": parts},
    )


def console(name: str) -> str:
    """The console command beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


async def listens(port: int) -> bool:
    """Whether a server accepts connections there."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def sends_info(port: int) -> bool:
    """Whether nats-server sends INFO, which it does once JetStream has recovered its files."""
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


async def has_streams(home: Home, plan: Plan, port: int) -> bool:
    """Whether nats-server is ready, with its streams and buckets. Raises LocalError."""
    if not await sends_info(port):
        return False
    await streams.provision(home, plan, f"nats://{HOST}:{port}", gib=home.streams_gib())
    return True


async def answers(url: str) -> bool:
    """Whether the response is a success. No secret is sent."""
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
        try:
            return (await client.get(url)).is_success
        except httpx.HTTPError:
            return False


async def writable(home: Home, port: int) -> bool:
    """Whether mongod accepts writes; a new one is initiated as a replica set with one member and gets its users."""
    if not await listens(port):
        return False
    from meshwright.core.store import (  # the driver takes 0.3 s to import while mongod starts
        StoreUnavailable,
        provisioning,
    )

    try:
        await asyncio.to_thread(provisioning.provision, HOST, port, home.mongodb_secrets, _MONGODB_DATABASE)
    except StoreUnavailable:
        return False
    return True
