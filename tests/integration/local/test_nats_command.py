"""`meshwright-nats`: users for a NATS server of one's own, and what they find set up."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.security import nats_users
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects

pytestmark = pytest.mark.servers


async def command(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Run it as a person does; the exit status and all that it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MESHWRIGHT_")}
    environment |= {f"MESHWRIGHT_{name.upper()}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("meshwright-nats"),
        *arguments,
        env={**environment, "HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def written(folder: Path) -> dict[Path, str]:
    """The credentials below a folder."""
    return {path: path.read_text().strip() for path in folder.glob("**/*.nk")}


async def test_users_are_written_once_and_kept_secret(tmp_path: Path) -> None:
    """Each component has a file that only its owner reads, no secret is printed, and a repetition changes nothing."""
    folder = tmp_path / "users"
    status, said = await command(tmp_path, "users", "--folder", str(folder), "--adapter", "mine")
    assert status == 0, said
    assert said.startswith("Written: ")
    files = written(folder)
    names = {path.stem for path in files}
    assert {*subjects.COMPONENTS, "adapter-envoy", "adapter-mine"} <= names
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert [path.stem for path, secret in files.items() if secret in said] == []
    assert f"MESHWRIGHT_NATS_CREDENTIALS_FILE={folder}/{subjects.API}.nk" in said
    status, said = await command(tmp_path, "users", "--folder", str(folder), "--adapter", "mine")
    assert (status, said.startswith("Unchanged: ")) == (0, True), said
    assert written(folder) == files


async def test_components_find_their_streams_on_a_server_of_ones_own(tmp_path: Path) -> None:
    """A server with the accounts that were written is set up by `provision`, again too, and lets each component in."""
    folder = tmp_path / "users"
    status, said = await command(tmp_path, "users", "--folder", str(folder))
    assert status == 0, said
    async with NatsServer(config=(folder / nats_users.CONFIGURATION).read_text()) as server:
        own = nats_users.file(folder, subjects.API)
        with pytest.raises(mwbus.BusUnavailable, match="run `meshwright-nats provision`"):
            async with mwbus.connect(server.address, subjects.API, credentials_file=own, timeout=1):
                pass
        for _ in range(2):
            status, said = await command(tmp_path, "provision", "--folder", str(folder), nats_url=server.address)
            assert (status, "set up" in said) == (0, True), said
        async with mwbus.connect(server.address, subjects.API, credentials_file=own) as bus:
            assert (await bus.stream_bounds(subjects.STATE.stream))[1] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["users", "--adapter", "a.b"], 1, "'a.b' cannot name an adapter: letters, digits, - and _ only"),
        (["adapter", "mine"], 1, "run `make up` first"),
        (["nothing"], 2, "invalid choice"),
    ],
)
async def test_what_cannot_be_done_is_reported_with_the_remedy(
    tmp_path: Path, arguments: list[str], status: int, words: str
) -> None:
    """A wrong name, no stack, and a wrong command each say what to do, and nothing is written."""
    result, said = await command(tmp_path, *arguments, home=str(tmp_path / "home"))
    assert (result, words in said) == (status, True), said
    assert "Traceback" not in said
    assert written(tmp_path) == {}
