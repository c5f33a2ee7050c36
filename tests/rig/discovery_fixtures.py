"""Discovery as a real process between a real bus and a real cluster; a conftest takes these fixtures by name."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.consoles import console
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess
from rig.discovery import Seen

ALLOW = "127.0.0.0/8"


@pytest.fixture
async def seen(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Seen]:
    """The stream, read with all permissions."""
    async with mwbus.connect(nats_server.url, "tester") as bus:
        yield Seen(bus, tmp_path / "secret-keys")


@pytest.fixture
def discover(nats_server: NatsServer, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[WorkerProcess]]:
    """Starts discovery, which is gone after the block."""

    def start(**more: str) -> AbstractAsyncContextManager[WorkerProcess]:
        return console(
            "meshwright-discovery",
            directory=tmp_path,
            nats_url=nats_server.url,
            secret_key_file=str(tmp_path / "secret-keys"),
            connection_allow=ALLOW,
            **more,
        )

    return start
