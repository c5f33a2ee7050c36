"""The printed roles are enough to install, upgrade and remove a mesh, and without a part of them nothing is begun.

Of Istio, whose roles know profiles and revisions, see its own tests.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from meshwright.adapters import kuma, linkerd
from meshwright.adapters.kuma.operations import entitlements as of_kuma
from meshwright.adapters.linkerd.operations import entitlements as of_linkerd
from meshwright.core import kit
from meshwright.core.kit.kubernetes import rights
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.adapters import NeededRights, RightsRequest
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.operations import InstallMesh, UninstallMesh, UpgradeMesh
from rig.entitled import covered, entitled, grant, lacks
from rig.kubernetes.operating import emptied, operating
from rig.kuma import charts as kuma_charts
from rig.linkerd import charts as linkerd_charts
from testbed.cluster import KubernetesServer

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]


class Case(NamedTuple):
    """A mesh that is installed by its charts with certificates of ours, and two of its releases."""

    adapter: kit.Adapter
    title: str
    entitlements: Any
    chart_folder: Callable[[Path, str], Path]
    version: str
    newer: str


CASES = {
    "linkerd": Case(linkerd.adapter, "Linkerd", of_linkerd, linkerd_charts.chart_folder, "edge-26.6.3", "edge-26.8.1"),
    "kuma": Case(kuma.adapter, "Kuma", of_kuma, kuma_charts.chart_folder, "2.14.3", "2.15.0"),
}


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    """Each mesh."""
    return CASES[request.param]


@pytest.fixture
async def operator(kubernetes_server: KubernetesServer, case: Case, tmp_path: Path) -> AsyncIterator[Any]:
    """Somebody who runs operations of an adapter on a cluster without its mesh."""
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig())
    await emptied(settings, case.adapter.name)
    async with operating(case.adapter, settings, case.chart_folder(tmp_path, case.version), tmp_path) as result:
        yield result
    await emptied(settings, case.adapter.name)


async def needed(operator: Any, case: Case, version: str, values: dict[str, Any]) -> NeededRights:
    """What a worker answers."""
    request = RightsRequest(workspace="default", version=version, values=values)
    answer: NeededRights = await case.entitlements.needed(operator.runtime, request)
    return answer


async def test_exactly_the_printed_rights_are_enough(operator: Any, case: Case, tmp_path: Path) -> None:
    """A service account that has nothing else installs, upgrades, takes back and removes."""
    newer = {"charts": str(case.chart_folder(tmp_path / "newer", case.newer))}
    administrator, cluster = operator.runtime.connections.settings, await operator.cluster()
    account = await entitled(cluster, administrator)
    for version, values in ((case.version, operator.values), (case.newer, newer)):
        answer = await needed(operator, case, version, values)
        assert "escalate" not in {verb for each in answer.rules for verb in each.verbs}
        await grant(cluster, answer.name, answer.rules, account)
    before = await operator.everything()
    operator.runtime.connections.settings = account
    await operator.do(InstallMesh(version=case.version, values=operator.values))
    await operator.do(UpgradeMesh(version=case.newer, values=newer))
    arguments = UninstallMesh(definitions="unused")
    context = operator.context(operator.command(arguments))
    await operator.handle(context, arguments)
    assert await context.undo_all()
    result = await operator.do(arguments)
    operator.runtime.connections.settings = administrator
    assert await operator.everything() == before, result["kept"]


@pytest.mark.parametrize("part", ["to bring, change", "to make {}'s own roles", "to bring and rotate"])
async def test_without_a_part_of_them_nothing_is_begun(operator: Any, case: Case, part: str) -> None:
    """An installation is refused before anything changes, with what is missing and how its role is printed."""
    administrator, cluster = operator.runtime.connections.settings, await operator.cluster()
    account = await entitled(cluster, administrator)
    rules = (await needed(operator, case, case.version, operator.values)).rules
    kept = [each for each in rules if not each.because.startswith(part.format(case.title))]
    lost = [each for each in rights.of(rules) if not covered(each, kept)]
    assert lost
    await grant(cluster, "installer", kept, account)
    await eventually(lambda: lacks(account, lost), timeout=60)
    before = await operator.everything()
    operator.runtime.connections.settings = account
    with pytest.raises(kit.Reject, match="lacks rights") as told:
        await operator.do(InstallMesh(version=case.version, values=operator.values))
    operator.runtime.connections.settings = administrator
    assert told.value.failure.code == "MW4014"
    assert {str(each) for each in lost} & set(told.value.failure.details["missing"])
    assert (
        f"connections rights --adapter {case.adapter.name} --for install --version {case.version}"
        in told.value.failure.remedy
    )
    assert await operator.everything() == before, "nothing was begun"
