"""A workload stands for nothing but itself: not for a server of Meshwright, a sidecar, or another mesh's workload."""

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.state import desired, occupied
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.core import kit
from meshwright.core.machine import ports, processes
from meshwright.core.testing.servers import free_port
from meshwright.schemas.operations import InstallMesh, enrolling
from meshwright.schemas.workloads import WorkloadSpec

SERVERS = kit.OwnServers(
    nats_url="nats://user:secret@127.0.0.1:14222,nats://nats.example:4223",
    mongodb_url="mongodb://ann:pass@localhost:17017,db.example/?replicaSet=rs0",
    api_port=18410,
)
HERE = (
    "127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST.", "a.localhost", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1",
    "::ffff:7f00:1", "127.1", "0x7f.1", "2130706433", "ip6-localhost",
)  # fmt: skip
OTHER = desired.enrol(
    DesiredState(workspace="w", mesh="other", connection="c"),
    [WorkloadSpec(name="a", service="a", port=9000)],
    {"a": desired.Ports(outbound=9001, inbound=9002)},
)
EMPTY = DesiredState(workspace="w", mesh="m", connection="c")


def runtime(data_dir: Path) -> kit.Runtime:
    """A worker with those servers in its settings and without a bus."""
    return kit.Runtime(cast(Any, None), "envoy", "w1", data_dir, servers=SERVERS)


async def asked(host: str, port: int, tmp_path: Path, answers: tuple[str, ...] = ()) -> list[str]:
    """What is said of a workload there, when its name has these addresses."""

    async def resolver(name: str, wanted: int) -> list[str]:
        if not answers:
            raise OSError("no such name")
        return list(answers)

    (tmp_path / "xds-port").write_text("15300")
    taken = occupied.taken(runtime(tmp_path), Options(), [OTHER], EMPTY, {port})
    spec = WorkloadSpec(name="x", service="x", address=host, port=port)
    return [each.detail for each in await occupied.problems([spec], taken, EMPTY, resolver=resolver)]


@pytest.mark.parametrize("host", HERE)
async def test_this_host_is_this_host_however_it_is_written(host: str, tmp_path: Path) -> None:
    """Servers of Meshwright, sidecars, and workloads of other meshes are refused by name, in every spelling."""
    places = {
        14222: "NATS", 17017: "MongoDB", 18410: "Meshwright's API", 15300: "the mesh's control plane",
        9000: "a workload of another mesh", 9001: "the sidecar of a", 9002: "the sidecar of a",
    }  # fmt: skip
    for port, whose in places.items():
        (words,) = await asked(host, port, tmp_path)
        assert f"{host}:{port} is the place of {whose}" in words
    assert await asked(host, 8080, tmp_path) == []


async def test_servers_elsewhere_are_known_by_their_names(tmp_path: Path) -> None:
    """A server that the settings name by host is refused under that name; its port on other hosts is allowed."""
    assert await asked("nats.example", 4223, tmp_path)
    assert await asked("db.example", 27017, tmp_path)
    assert await asked("app.example", 4223, tmp_path) == []


async def test_a_name_that_leads_here_is_this_host(tmp_path: Path) -> None:
    """A name is asked for once, so that it does not hide what it leads to; one without an address hides nothing."""
    assert await asked("innocent.example", 14222, tmp_path, ("93.184.216.34", "127.0.0.1"))
    assert await asked("innocent.example", 14222, tmp_path, ("93.184.216.34",)) == []
    assert await asked("innocent.example", 14222, tmp_path) == []


async def test_what_is_enrolled_stays(tmp_path: Path) -> None:
    """Enrolling again what is there is no news, even where it would not be taken today."""
    spec = WorkloadSpec(name="x", service="x", port=14222)
    state = desired.enrol(EMPTY, [spec], {"x": desired.Ports(outbound=1, inbound=2)})
    taken = occupied.taken(runtime(tmp_path), Options(), [OTHER], EMPTY, {14222})
    assert await occupied.problems([spec], taken, state) == []


async def test_ports_of_other_installations_are_theirs(tmp_path: Path) -> None:
    """Where a process of another Meshwright of this user listens is refused; what is only written down is not."""
    here, other = tmp_path / "mine" / "data", tmp_path / "other"
    here.mkdir(parents=True)
    (other / "run").mkdir(parents=True)
    processes.write(other / "run" / "api.json", processes.here("api"))
    with contextlib.closing(socket.socket()) as theirs:
        port, free = ports.Registry().reserve(2, free_port(), owner=other)
        theirs.bind(("127.0.0.1", port))
        theirs.listen()
        taken = occupied.taken(runtime(here), Options(), [], EMPTY, {port, free})
        specs = [WorkloadSpec(name=name, service="x", port=each) for name, each in (("a", port), ("b", free))]
        result = await occupied.problems(specs, taken, EMPTY)
        assert [each.pointer for each in result] == ["#/workloads/0/port"]
        assert str(other) in result[0].detail
        assert occupied.taken(runtime(other / "data"), Options(), [], EMPTY, {port, free}) == {
            place: whose for place, whose in taken.items() if place[1] != port
        }


@pytest.mark.servers
async def test_the_door_refuses_and_nothing_changes(bare_envoy_mesh: Any) -> None:
    """Enrolling NATS, the control plane or a sidecar of the same mesh fails with words, and enrols nothing."""
    await bare_envoy_mesh.do(InstallMesh())
    await bare_envoy_mesh.do(enrolling(bare_envoy_mesh.specs()[:1]))
    before = bare_envoy_mesh.plane.state("default", "demo")
    sidecar = before.workloads["web-v1"].ports.inbound
    nats = urlsplit(bare_envoy_mesh.runtime.servers.nats_url).port
    for port in (bare_envoy_mesh.plane._port, nats, sidecar):
        with pytest.raises(kit.Reject, match="is the place of") as refusal:
            await bare_envoy_mesh.do(enrolling([WorkloadSpec(name="x", service="x", port=port)]))
        assert refusal.value.failure.code == "MW2002"
    assert bare_envoy_mesh.plane.state("default", "demo") == before


@pytest.mark.servers
async def test_nobody_joins_the_port_of_a_sidecar(envoy_mesh: Any) -> None:
    """A process of the same user that shares its own ports cannot listen beside a sidecar and take its calls."""
    for name, member in envoy_mesh.plane.state("default", "demo").workloads.items():
        for port in (member.ports.inbound, member.ports.outbound):
            with contextlib.closing(socket.socket()) as stranger:
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                with pytest.raises(OSError, match="in use"):
                    stranger.bind(("127.0.0.1", port))
                assert name
    assert (await envoy_mesh.get("reviews")).status_code == 200


@pytest.mark.servers
async def test_meshes_of_two_workspaces_share_no_port(bare_envoy_mesh: Any) -> None:
    """Enrolled at the same moment in two workspaces, no request of one reaches the other."""
    spaces = ("red", "blue")
    for space in spaces:
        await bare_envoy_mesh.do(InstallMesh(), workspace=space)
    apps = dict(zip(spaces, ("reviews-v1", "reviews-v2"), strict=True))
    specs = {
        space: WorkloadSpec(name="api", service="api", port=bare_envoy_mesh.apps[app].port)
        for space, app in apps.items()
    }
    await asyncio.gather(*(bare_envoy_mesh.do(enrolling([specs[space]]), workspace=space) for space in spaces))
    for space, app in apps.items():
        port = bare_envoy_mesh.plane.state(space, "demo").workloads["api"].ports.outbound
        answers = [
            (await bare_envoy_mesh.client.get(f"http://127.0.0.1:{port}/", headers={"host": "api"})).text
            for _ in range(30)
        ]
        assert answers == [app] * 30
