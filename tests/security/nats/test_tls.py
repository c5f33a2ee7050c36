"""TLS to NATS: the server's name is verified, and with TLS required nothing is sent in plain text."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import settings
from meshwright.core.bus.client import joining
from meshwright.core.bus.stream import provisioning
from meshwright.core.testing import identities
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import HOST, NatsServer
from meshwright.schemas.operations import OperationStarted
from rig.stack.tls import Authority

pytestmark = pytest.mark.servers


def encrypted(authority: Authority, name: str = HOST, users: str = "") -> NatsServer:
    """A server with TLS, by default with the users of production."""
    return NatsServer(config=f"{authority.tls(name)}\n{users or identities.configuration(identities.ADAPTERS)}")


async def provision(server: NatsServer, authority: Authority) -> None:
    """Set up the streams, over TLS."""
    async with mwbus.connect(server.url, "provisioner", ca_file=authority.file) as bus:
        await provisioning.provision(bus, identities.ADAPTERS)


def chosen(server: NatsServer, authority: Authority, folder: Path) -> settings.Settings:
    """The settings of the API's process."""
    return settings.Settings(
        nats_url=server.address.replace("nats://", "tls://"),
        nats_credentials_file=identities.credentials_file("api", folder),
        nats_ca_file=authority.file,
        data_dir=folder,
    )


async def tell(bus: mwbus.Connection, operation: str) -> None:
    """Publish an event of the API."""
    started = OperationStarted(worker="w", attempt=1, adapter_version="1")
    await bus.publisher.publish(f"mw.evt.default.api.operation.{operation}", started)


async def test_a_component_works_over_tls_and_comes_back(tmp_path: Path) -> None:
    """It connects, publishes, and does so again after its server was killed and restarted."""
    authority = Authority(tmp_path)
    async with encrypted(authority) as server:
        await provision(server, authority)
        async with mwbus.join(chosen(server, authority, tmp_path), "api") as bus:
            await tell(bus, "before")
            await server.kill()
            await server.start()
            await eventually(lambda: bus.reconnects == 1 and bus.is_connected)
            await tell(bus, "after")
            assert (await bus.stream_bounds("EVENTS"))[1] == 2


async def test_a_process_works_over_tls(tmp_path: Path) -> None:
    """By its console command, with a tls:// URL and the CA's file."""
    authority = Authority(tmp_path)
    async with encrypted(authority) as server:
        await provision(server, authority)
        told = {
            "nats_url": server.address.replace("nats://", "tls://"),
            "nats_ca_file": str(authority.file),
            "nats_credentials_file": str(identities.credentials_file("scheduler", tmp_path)),
        }
        async with console("meshwright-scheduler", directory=tmp_path, **told) as running:
            await eventually(lambda: "holding the lease" in running.log.read_text())
            assert await running.stop() == 0


async def test_a_server_of_another_ca_or_name_is_refused(tmp_path: Path) -> None:
    """The error says whom we asked, why not, and which settings to look at."""
    authority = Authority(tmp_path)
    async with encrypted(authority) as server:
        for other in (Authority(tmp_path, "other").file, None):
            doubtful = msgspec.structs.replace(chosen(server, authority, tmp_path), nats_ca_file=other)
            with pytest.raises(mwbus.AccessRefused, match=r"has a certificate that.*MESHWRIGHT_NATS_CA_FILE"):
                async with mwbus.join(doubtful, "api", timeout=1.0):
                    pass
    async with encrypted(authority, "nats.example") as server:
        with pytest.raises(mwbus.AccessRefused, match=r"has a certificate that.*not valid for.*MESHWRIGHT_NATS_URL"):
            async with mwbus.join(chosen(server, authority, tmp_path), "api", timeout=1.0):
                pass


@pytest.mark.parametrize("asked", ["url", "ca", "both"])
async def test_nothing_is_said_in_clear_when_tls_was_asked_for(tmp_path: Path, asked: str) -> None:
    """A server without TLS receives not one byte: no credentials and no events."""
    heard = bytearray()
    greeted = 0

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        greeted += 1
        writer.write(b'INFO {"server_id":"x","version":"2.14.0","headers":true,"max_payload":1048576,"nonce":"n"}\r\n')
        heard.extend(await reader.read())
        writer.close()

    listener = await asyncio.start_server(greet, HOST, 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        told = settings.Settings(
            nats_url=f"{'nats' if asked == 'ca' else 'tls'}://{HOST}:{port}",
            nats_ca_file=None if asked == "url" else Authority(tmp_path).file,
            nats_credentials_file=identities.credentials_file("api", tmp_path),
        )
        with pytest.raises(mwbus.AccessRefused, match="has no TLS"):
            async with mwbus.join(told, "api", timeout=1.0):
                pass
    assert greeted
    assert not heard


async def test_a_server_that_comes_back_without_tls_hears_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An encrypted connection is not reopened in plain text; the log says so, and it recovers with TLS."""
    authority = Authority(tmp_path)
    async with encrypted(authority) as server:
        await provision(server, authority)
        async with mwbus.join(chosen(server, authority, tmp_path), "api") as bus:
            config, server._config = server._config, identities.configuration(identities.ADAPTERS)  # type: ignore[misc]
            await server.restart()
            await eventually(lambda: "has no TLS" in caplog.text)
            assert not bus.is_connected
            server._config = config  # type: ignore[misc]
            await server.restart()
            await eventually(lambda: bus.is_connected)
            await tell(bus, "again")


async def test_whether_strangers_are_admitted_is_seen_over_tls(tmp_path: Path) -> None:
    """A server with TLS that admits anonymous clients is refused as well; one with users is accepted."""
    authority = Authority(tmp_path)
    async with encrypted(authority, users="# open") as server:
        assert await joining.allows_anonymous(server.address, authority.file)
        with pytest.raises(mwbus.AccessRefused, match="admits anonymous clients"):
            async with mwbus.join(chosen(server, authority, tmp_path), "api"):
                pass
    async with encrypted(authority) as server:
        assert not await joining.allows_anonymous(server.address, authority.file)
