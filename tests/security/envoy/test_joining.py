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


async def enrol(yard: Any) -> None:
    """`far-v1`, whose sidecar runs elsewhere."""
    port = yard.apps["ratings-v1"].port
    await yard.do(enrolling([WorkloadSpec(name="far-v1", service="far", port=port, sidecar="remote")]))


async def invited(yard: Any) -> joining.Start:
    """The invitation of `far-v1`."""
    return joining.decode(await yard.plane.invite(yard.plane.state("default", "demo"), "far-v1"))


async def test_an_invitation_is_good_once(yard: Any) -> None:
    """Of several who use one invitation at the same time one gets in, and later nobody; a new invitation voids the
    one before; whoever has joined may renew, until the workload is withdrawn."""
    await enrol(yard)
    void, invitation = await invited(yard), await invited(yard)
    with pytest.raises(joining.JoinRefused, match="used before, or never given"):
        await joining.join(void)
    tried = await asyncio.gather(*(joining.join(invitation) for _ in range(4)), return_exceptions=True)
    (joined,) = [each for each in tried if isinstance(each, joining.Start)]
    assert sum(isinstance(each, joining.JoinRefused) for each in tried) == 3
    with pytest.raises(joining.JoinRefused):
        await joining.join(invitation)
    renewed = await joining.join(joined)
    await yard.do(withdrawing(["far-v1"]))
    for each in (renewed, invitation):
        with pytest.raises(joining.JoinRefused):
            await joining.join(each)


async def test_an_invitation_opens_no_stream_and_a_managed_sidecar_does_not_join(yard: Any, tmp_path: Path) -> None:
    """With an invitation alone Envoy gets neither configuration nor keys, and with what lies beside a sidecar of the
    control plane's own host nobody else is given more of it."""
    await enrol(yard)
    state = yard.plane.state("default", "demo")
    managed = joining.Start(yard.plane.bootstrap(state, "web-v1"), await yard.plane.files(state, "web-v1"))
    with pytest.raises(joining.JoinRefused):
        await joining.join(managed)
    invitation = await invited(yard)
    async with Fleet.open(tmp_path / "far", keep_on_exit=False) as far:
        await far.ensure("thief", invitation.bootstrap, invitation.files)
        await asyncio.sleep(1)  # time in which it would be given something
        assert yard.plane.status(state.node("far-v1")).state == "disconnected"
        assert isinstance(await joining.join(invitation), joining.Start)


async def test_a_remote_sidecar_joins_and_serves(yard: Any, tmp_path: Path) -> None:
    """Started with its invitation it is a member like others; what it keeps is for its owner only."""
    await enrol(yard)
    (tmp_path / "invitation").write_bytes(joining.encode(await invited(yard)))
    staying = asyncio.create_task(joining.stay(tmp_path / "invitation", tmp_path / "far"))
    try:

        async def served() -> bool:
            return bool((await yard.get("far")).text == "ratings-v1")

        await eventually(served)
        kept = tmp_path / "far" / "start.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert msgspec.json.decode(kept.read_bytes())["bootstrap"]["node"]["id"] == "default.demo.far-v1"
    finally:
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
        async with Fleet.open(tmp_path / "far", keep_on_exit=False):
            pass
