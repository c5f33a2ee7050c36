"""A compromised sidecar can access little: it runs as `nobody` where possible, and reads only its own files."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshwright.adapters.envoy.dataplane import administration, program
from meshwright.adapters.envoy.dataplane.fleet import Fleet, FleetError
from meshwright.core.machine import processes

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may choose as whom its processes run"),
]
LOOK = """
import os, sys
os.chdir(sys.argv[1])
found = []
for path in sys.argv[2:]:
    try:
        open(path).close()
        found.append(path)
    except OSError:
        pass
print(" ".join(found))
"""


def readable(folder: Path, *paths: str) -> set[str]:
    """Which of these files a process of user `nobody` can read from within this folder, as a sidecar is started."""
    nobody = pwd.getpwnam("nobody")
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import os,sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])",
    ]
    inner = processes.as_user([sys.executable, "-I", "-S", "-c", LOOK, ".", *paths], nobody.pw_uid, nobody.pw_gid)
    result = subprocess.run([*command, str(folder), *inner], capture_output=True, text=True, check=True, timeout=30)
    return set(result.stdout.split())


def told(pid: int) -> dict[str, list[str]]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that all users can access, as the data directory of a real installation; pytest's own is closed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o711)
        yield Path(place)


async def test_sidecars_run_as_nobody_and_work(envoy_mesh: Any) -> None:
    """No right of root is left to a sidecar: user, groups, capabilities, and no way to gain any; calls go on."""
    nobody = pwd.getpwnam("nobody")
    sidecars = await envoy_mesh.plane.fleet.list()
    assert sidecars
    for each in sidecars:
        status = told(each.pid)
        assert status["Uid"] == [str(nobody.pw_uid)] * 4 and status["Gid"] == [str(nobody.pw_gid)] * 4
        assert status["Groups"] == [] and status["NoNewPrivs"] == ["1"]
        assert {int(status[name][0], 16) for name in ("CapEff", "CapPrm", "CapAmb")} == {0}
    assert (await envoy_mesh.get("reviews")).status_code == 200
    assert "outbound" in await envoy_mesh.config_dump("web-v1")


async def test_a_sidecar_reads_its_own_files_and_no_others(envoy_mesh: Any) -> None:
    """What it is started with is readable to it; the worker's records, its log and the worker's port file are not."""
    mine = envoy_mesh.plane.fleet.directory / str(envoy_mesh.plane.state("default", "demo").node("web-v1"))
    others = ("../record.json", "../wish.json", "../envoy.log", "/etc/shadow")
    own = ("bootstrap.json", "control-plane-identity.json")
    assert readable(mine / "run", *own, *others) == set(own)
    assert {path.stat().st_uid for path in mine.glob("*.json")} == {0}


@pytest.mark.parametrize("keep", [True, False])
async def test_whether_kept_or_not_it_is_started_the_same_way(tmp_path: Path, keep: bool) -> None:
    """A sidecar that outlives its worker has no more rights than one that does not."""
    bootstrap = {"node": {"id": "a", "cluster": "c"}, "admin": {"address": administration.ADDRESS}}
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=keep, user="nobody") as fleet:
        sidecar = await fleet.ensure("a", bootstrap)
        assert sidecar.pid and told(sidecar.pid)["Uid"] == [str(pwd.getpwnam("nobody").pw_uid)] * 4
        assert (await fleet.ensure("a", bootstrap)).pid == sidecar.pid
        await fleet.remove("a")
        assert not processes.matching("cmdline", str(tmp_path / "fleet" / "a" / "run" / "bootstrap.json"))


async def test_a_closed_data_directory_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where `nobody` has no access, sidecars run as before, and the log says what to change."""
    (tmp_path / "closed").mkdir(mode=0o700)
    async with Fleet.open(tmp_path / "closed" / "fleet", keep_on_exit=False, user="nobody"):
        assert f"{tmp_path / 'closed'} cannot be accessed by nobody" in caplog.text


async def test_what_a_sidecar_leaves_is_not_believed(tmp_path: Path) -> None:
    """A record that another user has put there is none: it could name any process to be ended."""
    path = tmp_path / "record.json"
    processes.write(path, processes.here("victim"))
    assert processes.read(path)
    os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    assert processes.read(path) is None


async def test_an_unknown_user_is_reported(tmp_path: Path) -> None:
    """The setting to correct is named."""
    with pytest.raises(FleetError, match="no user no-such-user on this host: let MESHWRIGHT_ENVOY_USER"):
        async with Fleet.open(tmp_path, keep_on_exit=False, binary=program.envoy(), user="no-such-user"):
            pass
