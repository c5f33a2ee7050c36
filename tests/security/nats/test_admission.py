"""Authentication: no client without a key, and no process on a server that admits anonymous clients."""

import os
import re
import signal
from pathlib import Path

import nats
import nats.errors
import nats.js.errors
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import settings
from meshwright.core.bus.client import joining
from meshwright.core.bus.stream.streams import SHARES
from meshwright.core.security import nats_accounts, nkeys, secret_files
from meshwright.core.testing import identities
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer, free_port

pytestmark = pytest.mark.servers


async def test_a_stranger_is_not_let_in(nats_server: NatsServer) -> None:
    """Without credentials, with an unknown user, or with an unknown key the connection is refused."""
    strangers = [{}, {"token": "t"}, *({"user": name, "password": name} for name in ("api", "$SYS", "provisioner"))]
    for stranger in strangers:
        assert not await joining.allows_anonymous(nats_server.address, None, **stranger)
    tester = {"user": identities.TESTER, "password": identities.TESTER}
    assert await joining.allows_anonymous(nats_server.address, None, **tester)


async def test_a_server_that_says_neither_is_not_called_safe(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer in time is asked again, and until then it is unknown whether it admits
    anonymous clients.
    """
    monkeypatch.setattr(joining, "_PROBE_TIMEOUT_S", 0.3)
    await identities.provision(nats_server.url)
    os.kill(nats_server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(mwbus.BusUnavailable, match=r"cannot tell whether .* requires credentials"):
            await joining.allows_anonymous(nats_server.address)
    finally:
        os.kill(nats_server.pid, signal.SIGCONT)
    probe, probed = joining.allows_anonymous, []

    async def unknown_at_first(url: str, ca_file: Path | None = None) -> bool:
        probed.append(url)
        if len(probed) < 3:
            raise mwbus.BusUnavailable("too slow")
        return await probe(url, ca_file)

    monkeypatch.setattr(joining, "allows_anonymous", unknown_at_first)
    chosen = settings.Settings(
        nats_url=nats_server.address, nats_credentials_file=identities.credentials_file("api", tmp_path)
    )
    async with mwbus.join(chosen, "api") as bus:
        assert bus.is_connected
    assert len(probed) == 3


@pytest.mark.parametrize(
    "command", [["meshwright-scheduler"], ["meshwright-notifier"], ["meshwright-projector"], ["meshwright-api"],
                ["meshwright-adapter", "envoy"]], ids=" ".join,
)  # fmt: skip
async def test_every_process_honours_the_size_of_the_streams(command: list[str], tmp_path: Path) -> None:
    """On a server without users each of them may set up the streams, with the configured size."""
    async with NatsServer(config="# open") as server:
        settings = {
            "nats_url": server.address,
            "nats_allow_anonymous": "true",
            "streams_gib": "0.25",
            "data_dir": str(tmp_path),
            "secret_key_file": str(tmp_path / "keys"),
            "mongodb_url": f"mongodb://127.0.0.1:{free_port()}/",
        }
        async with console(*command, directory=tmp_path, **settings):
            client = await nats.connect(server.address)
            streams = client.jetstream()

            async def is_as_told() -> bool:
                try:
                    return (await streams.stream_info("EVENTS")).config.max_bytes == int(
                        0.25 * SHARES["EVENTS"] * 2**30
                    )
                except (nats.js.errors.Error, nats.errors.Error):
                    return False

            try:
                await eventually(is_as_told, timeout=30)
            finally:
                await client.close()


async def test_an_unknown_key_is_reported_what_to_do(nats_server: NatsServer, tmp_path: Path) -> None:
    """The error names the file and is there within the time allowed."""
    path = tmp_path / "api.nk"
    secret_files.read_or_make(path, lambda: nkeys.fresh().seed)
    with pytest.raises(mwbus.AccessRefused, match=r"does not know the key in .*api\.nk"):
        async with mwbus.connect(nats_server.address, "api", credentials_file=path, timeout=1.0):
            pass
    with pytest.raises(mwbus.AccessRefused, match="MESHWRIGHT_NATS_CREDENTIALS_FILE"):
        async with mwbus.connect(nats_server.address, "api", timeout=1.0):
            pass


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
async def test_a_file_that_others_can_read_is_refused(nats_server: NatsServer, tmp_path: Path, mode: int) -> None:
    """The remedy is in the text; with 0600 the same file is good."""
    path = identities.credentials_file("api", tmp_path)
    await identities.provision(nats_server.url)
    path.chmod(mode)
    with pytest.raises(mwbus.AccessRefused, match=f"chmod 600 {path}"):
        async with mwbus.connect(nats_server.address, "api", credentials_file=path):
            pass
    path.chmod(0o600)
    async with mwbus.connect(nats_server.address, "api", credentials_file=path) as bus:
        assert bus.is_connected


@pytest.mark.parametrize("config", ["# open", "accounts { A { users: [{user: u, password: p}] } }\nno_auth_user: u"])
async def test_a_server_that_lets_anybody_in_is_refused(config: str, tmp_path: Path) -> None:
    """Unless a setting allows it, which is then said at each start."""
    async with NatsServer(config=config) as server:
        chosen = settings.Settings(nats_url=server.address, data_dir=tmp_path)
        with pytest.raises(mwbus.AccessRefused, match=r"admits anonymous clients.*MESHWRIGHT_NATS_ALLOW_ANONYMOUS"):
            async with mwbus.join(chosen, "api"):
                pass


async def test_a_process_on_an_open_server_ends_with_the_remedy(tmp_path: Path) -> None:
    """A console command says what to do and ends; with the setting it works, and its log says so loudly."""
    async with NatsServer(config="# open") as server:
        async with console("meshwright-scheduler", directory=tmp_path, nats_url=server.address) as refused:
            assert await refused.process.wait() == 1
        said = refused.log.read_text()
        assert said.count("\n") == 1
        assert re.search(r"admits anonymous clients: .*`meshwright-nats users`", said)
        allowed = {"nats_url": server.address, "nats_allow_anonymous": "true"}
        async with console("meshwright-scheduler", directory=tmp_path, **allowed) as running:
            await eventually(lambda: "holding the lease" in running.log.read_text())
            assert await running.stop() == 0
        assert "admits ANONYMOUS clients" in running.log.read_text()


async def test_no_secret_is_in_the_configuration_or_on_a_command_line(tmp_path: Path) -> None:
    """The server's configuration has public keys; a process gets the name of a file."""
    text = identities.configuration(identities.ADAPTERS)
    assert not re.search(r"SU[A-Z2-7]{50}", text)
    assert nkeys.from_seed(identities.key("api").seed).public in text
    assert identities.key("api").seed not in " ".join(os.environ.values())
    assert nats_accounts.account("api") in text
