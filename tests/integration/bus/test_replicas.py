"""Replicas: on a cluster of three servers everything that is stored is stored as often as the setting says."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import settings
from meshwright.core.bus.kv import leases, presence
from meshwright.core.bus.stream import provisioning, streams
from meshwright.core.security import nats_accounts
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import HOST, NatsServer, free_port
from meshwright.schemas import subjects

pytestmark = pytest.mark.servers
EVERYTHING = [
    *streams.SHARES,
    *(bucket.stream for bucket in subjects.BUCKETS if bucket != subjects.ADAPTERS_OWN),
    "KV_mw_adapter_envoy",
]
"""the streams, and those of the buckets, once there is the adapter `envoy`"""


@pytest.fixture
async def cluster() -> AsyncIterator[list[NatsServer]]:
    """Three servers that form one JetStream cluster, without authentication."""
    ports = [free_port() for _ in range(3)]
    routes = ", ".join(f'"nats://{HOST}:{port}"' for port in ports)
    async with AsyncExitStack() as stack:
        servers = []
        for number, port in enumerate(ports):
            config = f"server_name: n{number}\ncluster {{ name: c, listen: '{HOST}:{port}', routes: [{routes}] }}"
            server = NatsServer(config=config)
            servers.append(server)
            stack.push_async_callback(server.close)
        await asyncio.gather(*(server.start() for server in servers))
        yield servers


def chosen(servers: list[NatsServer], folder: Path, replicas: int) -> settings.Settings:
    """The settings of a component on the whole cluster."""
    return settings.Settings(
        nats_url=",".join(server.address for server in servers),
        nats_allow_anonymous=True,
        data_dir=folder,
        replicas=replicas,
        streams_gib=0.1,
    )


async def replicas(bus: mwbus.Connection, names: Iterable[str]) -> dict[str, int]:
    """The number of replicas of each of these streams, including those of buckets."""
    return {name: (await bus.js.stream_info(name)).config.num_replicas or 1 for name in names}


async def test_every_stream_and_bucket_has_the_replicas_of_the_setting(
    cluster: list[NatsServer], tmp_path: Path
) -> None:
    """What is there with one replica gets three, what is new is born with three, and a value survives a server."""
    async with mwbus.join(chosen(cluster, tmp_path, 1), nats_accounts.PROVISIONER, timeout=30) as bus:
        await provisioning.provision(bus, ["envoy"])
        bucket = await mwbus.open_bucket(bus, subjects.TURNS.name)
        await bucket.put("kept", b"1")
        assert set((await replicas(bus, EVERYTHING)).values()) == {1}
    async with mwbus.join(chosen(cluster, tmp_path, 3), nats_accounts.PROVISIONER, timeout=30) as bus:
        await provisioning.provision(bus, ["envoy", "later"])
        await presence.open_presence(bus)
        everything = [*EVERYTHING, "KV_mw_adapter_later"]
        assert await replicas(bus, everything) == dict.fromkeys(everything, 3)
        config = (await bus.js.stream_info(f"KV_{subjects.LEASES.name}")).config
        assert (config.max_age, config.allow_msg_ttl) == (leases.TTL, True)
        bucket = await mwbus.open_bucket(bus, subjects.TURNS.name)

        async def is_copied() -> bool:
            info = (await bus.js.stream_info(f"KV_{subjects.TURNS.name}")).cluster
            return info is not None and all(peer.current for peer in info.replicas or []) and bool(info.replicas)

        await eventually(is_copied, timeout=30)
        await cluster[0].kill()

        async def is_there() -> bool:
            try:
                entry = await bucket.get("kept")
            except mwbus.BusUnavailable:
                return False
            return entry is not None and entry.value == b"1"

        await eventually(is_there, timeout=30)
