"""Installing and upgrading with arguments: what a mesh of Envoys has is done, what it has not is refused by name."""

from pathlib import Path

import pytest

from meshwright.adapters.envoy.operations import upgrades
from meshwright.core import kit
from meshwright.core.kit.connections import OpenConnection
from meshwright.schemas import operations
from meshwright.schemas.connections import EnvoyFleet
from meshwright.schemas.operations import InstallMesh, InstallMeshV1, UpgradeMesh, enrolling
from rig.stack.envoy_mesh import EnvoyMesh

pytestmark = pytest.mark.servers


async def test_a_mesh_to_be_is_previewed(bare_envoy_mesh: EnvoyMesh) -> None:
    """Before it is there the preview says that it would be made; afterwards that nothing would change."""
    shown = await bare_envoy_mesh.preview(InstallMesh())
    assert (shown.problems, [each.change for each in shown.diff]) == ([], ["create"])
    await bare_envoy_mesh.do(InstallMesh())
    assert [each.change for each in (await bare_envoy_mesh.preview(InstallMesh())).diff] == ["unchanged"]
    shown = await bare_envoy_mesh.preview(InstallMesh(trust_domain="NO", profile="demo"))
    assert [each.pointer for each in shown.problems] == ["#/trust_domain", "#/profile"]


async def test_what_an_envoy_mesh_does_not_have_is_refused_by_name(bare_envoy_mesh: EnvoyMesh) -> None:
    """Revision, profile, namespace, values and another version than the installed one; the installed one passes."""
    asked = InstallMesh(version="0.0.1", revision="r", profile="p", namespace="n", values={"a": 1})
    assert sorted(each.pointer for each in (await bare_envoy_mesh.preview(asked)).problems) == [
        "#/namespace", "#/profile", "#/revision", "#/values", "#/version",
    ]  # fmt: skip
    with pytest.raises(kit.Reject):
        await bare_envoy_mesh.do(asked)
    await bare_envoy_mesh.do(InstallMesh(version=await bare_envoy_mesh.plane.fleet.version()))
    with pytest.raises(kit.Reject):
        await bare_envoy_mesh.do(UpgradeMesh(revision="r"))


def test_an_install_of_the_first_version_is_understood() -> None:
    """What an older API asked for means the same today."""
    assert InstallMeshV1(trust_domain="a.b", version="1").renewed() == InstallMesh(trust_domain="a.b", version="1")
    assert operations.understands(InstallMesh, 1)


async def test_an_upgrade_starts_what_is_outdated_again_and_nothing_else(
    bare_envoy_mesh: EnvoyMesh, tmp_path: Path
) -> None:
    """With the installed Envoy nothing is restarted; a sidecar with another version after its restart is reported."""
    envoy_mesh, fleet = bare_envoy_mesh, bare_envoy_mesh.plane.fleet
    with pytest.raises(kit.Reject, match="no Envoy mesh"):
        await envoy_mesh.do(UpgradeMesh())
    await envoy_mesh.do(InstallMesh())
    await envoy_mesh.do(enrolling(envoy_mesh.specs()[:1]))
    before = [(each.node_id, each.pid) for each in await fleet.list()]
    done = await envoy_mesh.do(UpgradeMesh())
    assert (done["restarted"], done["left"]) == ([], [])
    assert [(each.node_id, each.pid) for each in await fleet.list()] == before
    other = tmp_path / "envoy-of-tomorrow"
    other.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "x version: abc/99.0.0/Clean" && exit\nexec {fleet._binary} "$@"\n'
    )
    other.chmod(0o755)
    fleet._binary = other
    shown = await envoy_mesh.preview(UpgradeMesh())
    assert [(each.ref.name, each.after) for each in shown.diff] == [("web-v1", "version: 99.0.0\n")]
    patience, upgrades._ANSWER_SECONDS = upgrades._ANSWER_SECONDS, 2.0
    try:
        with pytest.raises(kit.Reject) as reject:
            await envoy_mesh.do(UpgradeMesh())
    finally:
        upgrades._ANSWER_SECONDS = patience
    assert reject.value.failure.code == "MW2005"
    after = [(each.node_id, each.pid) for each in await fleet.list()]
    assert [node for node, _ in after] == [node for node, _ in before]
    assert after != before


async def test_a_fleet_reports_the_identity_there(bare_envoy_mesh: EnvoyMesh) -> None:
    """User and host, the Envoy that would be started, and whether that can be done."""
    from meshwright.adapters.envoy import adapter

    assert adapter.connection_tester is not None
    place = OpenConnection(workspace="default", id="local", kind="envoy-fleet", settings=EnvoyFleet())
    result = await adapter.connection_tester(bare_envoy_mesh.runtime, place)
    assert result.ok, result
    assert "@" in result.identity
    assert result.version == await bare_envoy_mesh.plane.fleet.version()
    assert len(result.permissions) == 3
