"""The printed roles are enough to install, upgrade and remove Linkerd, and without a part of them nothing is begun."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meshwright.adapters.linkerd import adapter
from meshwright.adapters.linkerd.operations import entitlements
from meshwright.core import kit
from meshwright.core.kit.kubernetes import rights
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.adapters import NeededRights, RightsRequest
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.operations import InstallMesh, RotateCertificates, UninstallMesh, UpgradeMesh
from rig.entitled import covered, entitled, grant, lacks
from rig.kubernetes.operating import emptied, operating
from rig.linkerd.charts import chart_folder
from testbed.cluster import KubernetesServer

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
VERSION, NEWER = "edge-26.6.3", "edge-26.8.1"


@pytest.fixture
async def operator(kubernetes_server: KubernetesServer, tmp_path: Path) -> AsyncIterator[Any]:
    """Somebody who runs operations of this adapter on a cluster without Linkerd."""
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig())
    await emptied(settings, "linkerd")
    async with operating(adapter, settings, chart_folder(tmp_path), tmp_path) as result:
        yield result
    await emptied(settings, "linkerd")


async def needed(operator: Any, version: str, values: dict[str, Any]) -> NeededRights:
    """What a worker answers."""
    request = RightsRequest(workspace="default", version=version, values=values)
    return await entitlements.needed(operator.runtime, request)


async def test_exactly_the_printed_rights_are_enough(operator: Any, tmp_path: Path) -> None:
    """A service account that has nothing else installs, upgrades, rotates, takes back and removes."""
    newer = {"charts": str(chart_folder(tmp_path / "newer", NEWER))}
    administrator, cluster = operator.runtime.connections.settings, await operator.cluster()
    account = await entitled(cluster, administrator)
    for version, values in ((VERSION, operator.values), (NEWER, newer)):
        answer = await needed(operator, version, values)
        assert "escalate" not in {verb for each in answer.rules for verb in each.verbs}
        await grant(cluster, answer.name, answer.rules, account)
    before = await operator.everything()
    operator.runtime.connections.settings = account
    await operator.do(InstallMesh(version=VERSION, values=operator.values))
    await operator.do(UpgradeMesh(version=NEWER, values=newer))
    await operator.do(RotateCertificates())
    arguments = UninstallMesh(definitions="unused")
    context = operator.context(operator.command(arguments))
    await operator.handle(context, arguments)
    assert await context.undo_all()
    result = await operator.do(arguments)
    operator.runtime.connections.settings = administrator
    assert await operator.everything() == before, result["kept"]


@pytest.mark.parametrize("part", ["to bring, change", "to make Linkerd's own roles", "to bring and rotate"])
async def test_without_a_part_of_them_nothing_is_begun(operator: Any, part: str) -> None:
    """An installation is refused before anything changes, with what is missing and how its role is printed."""
    administrator, cluster = operator.runtime.connections.settings, await operator.cluster()
    account = await entitled(cluster, administrator)
    rules = (await needed(operator, VERSION, operator.values)).rules
    kept = [each for each in rules if not each.because.startswith(part)]
    lost = [each for each in rights.of(rules) if not covered(each, kept)]
    assert lost
    await grant(cluster, "installer", kept, account)
    await eventually(lambda: lacks(account, lost), timeout=60)
    before = await operator.everything()
    operator.runtime.connections.settings = account
    with pytest.raises(kit.Reject, match="lacks rights") as told:
        await operator.do(InstallMesh(version=VERSION, values=operator.values))
    operator.runtime.connections.settings = administrator
    assert told.value.failure.code == "MW4014"
    assert {str(each) for each in lost} & set(told.value.failure.details["missing"])
    assert f"connections rights --adapter linkerd --for install --version {VERSION}" in told.value.failure.remedy
    assert await operator.everything() == before, "nothing was begun"
