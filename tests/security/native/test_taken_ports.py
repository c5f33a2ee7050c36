"""Another process takes the port of a sidecar: the port and the process are reported, the rest works, and it
recovers by itself.
"""

import contextlib
import os
import signal
import socket
from typing import Any

import pytest

from meshwright.adapters.envoy.dataplane import binding
from meshwright.core import kit
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.intents import Timeout
from meshwright.schemas.operations import InstallMesh, enrolling

pytestmark = pytest.mark.servers


def listening(port: int) -> socket.socket | None:
    """A process that listens on that port, once it is free."""
    stranger = socket.socket()
    try:
        stranger.bind(("127.0.0.1", port))
    except OSError:
        stranger.close()
        return None
    stranger.listen()
    return stranger


async def test_a_taken_port_is_reported_holds_nobody_up_and_heals(envoy_mesh: Any) -> None:
    """The proxy's status names port and holder; designs are applied to the others; once free, all is as it was."""
    before = envoy_mesh.plane.state("default", "demo")
    port, node = before.workloads["ratings-v1"].ports.inbound, before.node("ratings-v1")
    (sidecar,) = [each for each in await envoy_mesh.plane.fleet.list() if each.node_id == str(node)]
    os.kill(sidecar.pid, signal.SIGKILL)
    stranger = await eventually(lambda: listening(port))
    assert stranger
    with contextlib.closing(stranger):

        def told() -> bool:
            status = envoy_mesh.plane.status(node)
            return status.blocked == [port] and f"port {port} is taken by" in status.error

        await eventually(told)
        await eventually(lambda: f"(pid {os.getpid()})" in envoy_mesh.plane.status(node).error)
        assert "End that program" in envoy_mesh.plane.status(node).error
        await envoy_mesh.apply(Timeout(service="reviews", timeout="2s"))
        assert (await envoy_mesh.get("reviews")).status_code == 200
    await eventually(lambda: envoy_mesh.plane.status(node).state == "synced")
    assert (await envoy_mesh.get("ratings")).status_code == 200


async def test_a_port_taken_before_its_sidecar_came_is_given_up(
    bare_envoy_mesh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The enrolment fails with the port and its holder, leaves nothing behind, and asked again takes another port."""
    await bare_envoy_mesh.do(InstallMesh())
    take, strangers = bare_envoy_mesh.plane.reservations.take, contextlib.ExitStack()

    def taken(count: int, first: int, known: Any) -> list[int]:
        chosen = take(count, first, known)
        stranger = listening(chosen[0])
        assert stranger
        strangers.enter_context(contextlib.closing(stranger))
        return list(chosen)

    arguments = enrolling(bare_envoy_mesh.specs()[:1])
    with strangers:
        monkeypatch.setattr(bare_envoy_mesh.plane.reservations, "take", taken)
        with pytest.raises(kit.Reject, match=rf"web-v1: port \d+ is taken by .*\(pid {os.getpid()}\)") as refusal:
            await bare_envoy_mesh.do(arguments)
        assert (refusal.value.failure.code, refusal.value.failure.retryable) == ("MW2012", True)
        await eventually(lambda: bare_envoy_mesh.plane.state("default", "demo").workloads == {})
        assert await bare_envoy_mesh.plane.fleet.list() == []
        monkeypatch.undo()
        await bare_envoy_mesh.do(arguments)
    assert bare_envoy_mesh.plane.status(bare_envoy_mesh.plane.state("default", "demo").node("web-v1")).state == "synced"


@pytest.mark.parametrize(
    ("error", "places"),
    [
        (
            "Error adding/updating listener(s) in: cannot bind '127.0.0.1:80': Address already in use\n",
            [("127.0.0.1", 80)],
        ),
        (
            "Error adding/updating listener(s) a: cannot bind '[::1]:81': Address already in use\n"
            "b: cannot bind '0.0.0.0:82': Address already in use\n",
            [("::1", 81), ("0.0.0.0", 82)],
        ),
        ("Error adding/updating listener(s) a: cannot bind '1.2.3.4:5': Address already in use\nb: bad filter", []),
        ("Error adding/updating listener(s) a: no such filter", []),
        ("", []),
    ],
)
def test_only_taken_ports_count_as_such(error: str, places: list[tuple[str, int]]) -> None:
    """When a configuration has any other problem, that one is reported."""
    assert binding.taken(error) == places
