"""What is told before anything is done: previews that are what happens, and rights that are missing."""

from typing import Any

import pytest

from meshwright.adapters.istio import adapter
from meshwright.core import kit
from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, UpgradeMesh
from meshwright.schemas.workloads import NamespaceMember
from meshwright.ui_api.requests import cluster_roles
from testbed.cluster import KubernetesServer

pytestmark = pytest.mark.servers


async def test_a_preview_is_what_happens(operator: Any, admission: Any) -> None:
    """Before an installation, an upgrade and an enrolment; nothing is changed, and afterwards nothing is left to do."""
    before = await operator.everything()
    values = {**operator.values, "istiod": admission.values}
    wanted = InstallMesh(version="1.30.3", profile="minimal", values=values)
    shown = await operator.previewed(wanted)
    assert await operator.everything() == before
    assert set(shown.values()) == {"create"}
    await operator.do(wanted)
    made = {each for each in await operator.everything() - before if not each.startswith(("Lease", "Secret"))}
    assert shown.keys() == made
    assert await operator.previewed(wanted) == {}
    shown = await operator.previewed(UpgradeMesh(version="1.31.0"))
    assert shown["Deployment istio-system/istiod"] == "update"
    cluster = await operator.cluster()
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, owner="me")
    shown = await operator.previewed(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop")]))
    assert shown == {"Namespace shop": "update"}


async def test_without_the_rights_nothing_is_begun(
    operator: Any, admission: Any, kubernetes_server: KubernetesServer
) -> None:
    """The announced rights are enough to enrol; to install more is needed, which is told before anything is done."""
    values = {**operator.values, "istiod": admission.values}
    wanted = InstallMesh(version="1.31.0", profile="minimal", values=values)
    cluster, user = await operator.cluster(), "somebody"
    for body in cluster_roles.manifests("meshwright-somebody", adapter.rights):
        await cluster.apply(body, owner="me")
        if body["kind"] == "Namespace":
            continue
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": body["kind"], "name": "meshwright-somebody"}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
        binding = {**body, "kind": f"{body['kind']}Binding", "roleRef": reference, "subjects": [subject]}
        del binding["rules"]
        await cluster.apply(binding, owner="me")
    before = await operator.everything()
    administrator = operator.runtime.connections.settings
    limited = type(administrator)(kubeconfig=kubernetes_server.kubeconfig(user))
    operator.runtime.connections.settings = limited
    with pytest.raises(kit.Reject, match="lacks rights") as refused:
        await operator.do(wanted)
    assert refused.value.failure.code == "MW4014"
    assert any(
        "create clusterroles.rbac.authorization.k8s.io" in each for each in refused.value.failure.details["missing"]
    )
    operator.runtime.connections.settings = administrator
    assert await operator.everything() == before
    await operator.do(wanted)
    cluster = await operator.cluster()
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, owner="me")
    operator.runtime.connections.settings = limited
    result = await operator.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)]))
    assert result["enrolled"] == ["Namespace shop"]
