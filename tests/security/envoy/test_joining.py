"""Sidecars of other hosts: one invitation, one use, one workload."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshwright.adapters.envoy.dataplane import joining
from meshwright.adapters.envoy.dataplane.fleet import Fleet
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.operations import enrolling, withdrawing
from meshwright.schemas.workloads import WorkloadSpec

pytestmark = pytest.mark.servers


async def enrol(envoy_mesh: Any) -> None:
    """`far-v1`, whose sidecar runs elsewhere."""
    port = envoy_mesh.apps["ratings-v1"].port
    await envoy_mesh.do(enrolling([WorkloadSpec(name="far-v1", service="far", port=port, sidecar="remote")]))


async def invited(envoy_mesh: Any) -> joining.Start:
    """The invitation of `far-v1`."""
    return joining.decode(await envoy_mesh.plane.invite(envoy_mesh.plane.state("default", "demo"), "far-v1"))


async def test_an_invitation_is_good_once(envoy_mesh: Any) -> None:
    """Of several concurrent uses of one invitation one succeeds, and no later one; a new invitation revokes the
    former; a joined sidecar may renew, until the workload is withdrawn.
    """
    await enrol(envoy_mesh)
    void, invitation = await invited(envoy_mesh), await invited(envoy_mesh)
    with pytest.raises(joining.JoinRefused, match="used before, or never given"):
        await joining.join(void)
    tried = await asyncio.gather(*(joining.join(invitation) for _ in range(4)), return_exceptions=True)
    (joined,) = [each for each in tried if isinstance(each, joining.Start)]
    assert sum(isinstance(each, joining.JoinRefused) for each in tried) == 3
    with pytest.raises(joining.JoinRefused):
        await joining.join(invitation)
    renewed = await joining.join(joined)
    await envoy_mesh.do(withdrawing(["far-v1"]))
    for each in (renewed, invitation):
        with pytest.raises(joining.JoinRefused):
            await joining.join(each)


async def test_an_invitation_opens_no_stream_and_a_managed_sidecar_does_not_join(
    envoy_mesh: Any, tmp_path: Path
) -> None:
    """With an invitation alone Envoy gets neither configuration nor keys, and the files of a sidecar on the control
    plane's own host cannot be used for joining.
    """
    await enrol(envoy_mesh)
    state = envoy_mesh.plane.state("default", "demo")
    managed = joining.Start(envoy_mesh.plane.bootstrap(state, "web-v1"), await envoy_mesh.plane.files(state, "web-v1"))
    with pytest.raises(joining.JoinRefused):
        await joining.join(managed)
    invitation = await invited(envoy_mesh)
    async with Fleet.open(tmp_path / "far", keep_on_exit=False) as far:
        await far.ensure("thief", invitation.bootstrap, invitation.files)
        await asyncio.sleep(1)  # time in which it would be given something
        assert envoy_mesh.plane.status(state.node("far-v1")).state == "disconnected"
        assert isinstance(await joining.join(invitation), joining.Start)


async def test_a_remote_sidecar_joins_and_serves(envoy_mesh: Any, tmp_path: Path) -> None:
    """Started with its invitation it is a member like others; what it keeps is for its owner only."""
    await enrol(envoy_mesh)
    (tmp_path / "invitation").write_bytes(joining.encode(await invited(envoy_mesh)))
    staying = asyncio.create_task(joining.stay(tmp_path / "invitation", tmp_path / "far"))
    try:

        async def served() -> bool:
            return bool((await envoy_mesh.get("far")).text == "ratings-v1")

        await eventually(served)
        kept = tmp_path / "far" / "start.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert msgspec.json.decode(kept.read_bytes())["bootstrap"]["node"]["id"] == "default.demo.far-v1"
    finally:
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
        async with Fleet.open(tmp_path / "far", keep_on_exit=False):
            pass
