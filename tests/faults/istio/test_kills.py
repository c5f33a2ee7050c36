"""A worker that dies around the record of every step: each completes once, and the cluster is as if nothing was."""

from typing import Any

import pytest

from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, UninstallMesh, UpgradeMesh
from meshwright.schemas.workloads import NamespaceMember
from rig.istio.killing import killed

pytestmark = [pytest.mark.servers, pytest.mark.faults]


async def labels(operator: Any, name: str) -> dict[str, str]:
    """The labels of a namespace, without the cluster's own."""
    result = (await operator.find("Namespace", name))["metadata"]["labels"]
    return {key: value for key, value in result.items() if "kubernetes.io" not in key}


@pytest.mark.timeout(900)
async def test_the_life_of_a_mesh_with_kills_at_every_step(operator: Any, admission: Any) -> None:
    """Installed, enrolled in, upgraded in place and by revision, removed: asked again there is nothing to do, and at
    the end nothing is left."""
    before = await operator.everything()
    cluster = await operator.cluster()
    values = {**operator.values, "istiod": admission.values}
    wanted = InstallMesh(version="1.30.3", profile="minimal", values=values)
    told: dict[str, int] = {}
    _, told["install"] = await killed(operator, wanted)
    assert (await operator.do(wanted))["unchanged"]

    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, owner="me")
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": pod}
    meta = {"name": "web", "namespace": "shop"}
    await cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, owner="me")
    result, told["enrol"] = await killed(
        operator, EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)])
    )
    assert result["restarted"] == ["Deployment shop/web"]
    web = await operator.find("Deployment", "web", "shop", "apps")
    assert web["metadata"]["generation"] == 2, "it was restarted once"

    _, told["upgrade"] = await killed(operator, UpgradeMesh(version="1.31.0"))
    assert (await operator.do(UpgradeMesh(version="1.31.0")))["unchanged"]
    result, told["upgrade by revision"] = await killed(operator, UpgradeMesh(version="1.31.0", revision="next"))
    assert result["retired"]
    assert await labels(operator, "shop") == {"istio.io/rev": "next"}
    web = await operator.find("Deployment", "web", "shop", "apps")
    assert web["metadata"]["generation"] == 3
    assert await operator.find("Deployment", "istiod", "istio-system", "apps") is None

    _, told["uninstall"] = await killed(operator, UninstallMesh(definitions="unused"))
    assert {each for each in await operator.everything() - before if "shop" not in each} == set()
    assert await labels(operator, "shop") == {}
    print(f"kills: {told}, {sum(told.values())} in all")
