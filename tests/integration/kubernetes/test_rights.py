"""What we may do in a cluster, asked beforehand: roles made from rules, reviews, the test of a connection."""

import re
from typing import Any

import msgspec
import pytest
import yaml

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.kubernetes import rights
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef
from meshwright.ui_api.requests import cluster_roles


@pytest.fixture
async def confined(cluster: k8s.Cluster, kubernetes_settings: Kubernetes, namespace: str) -> Kubernetes:
    """Credentials of a service account that has exactly the roles of some rules: ConfigMaps without deletion."""
    rules = [AccessRule(groups=[""], resources=["configmaps"], verbs=["get", "patch", "create"], namespace=namespace)]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "confined", "namespace": namespace}}
    await cluster.apply(account, owner="test")
    for body in cluster_roles.manifests("confined", rules, service_account=(namespace, "confined")):
        await cluster.apply(body, owner="test")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/confined/token"
    token = msgspec.json.decode(await cluster.request("POST", path, body=request))["status"]["token"]
    document = yaml.safe_load(kubernetes_settings.kubeconfig)
    for user in document["users"]:
        user["user"] = {"token": token}
    return Kubernetes(kubeconfig=yaml.safe_dump(document), context=kubernetes_settings.context)


def opened(settings: Kubernetes) -> OpenConnection[Any]:
    """A connection with these settings."""
    return OpenConnection(workspace="default", id="local", kind="kubernetes", settings=settings)


def needed(namespace: str) -> list[AccessRule]:
    """What an adapter might say."""
    return [AccessRule(groups=[""], resources=["configmaps"], verbs=["get", "delete"], namespace=namespace)]


async def test_a_review_is_the_clusters_own_answer(confined: Kubernetes, namespace: str) -> None:
    """Exactly the roles made from the rules: allowed there, refused elsewhere and for other verbs."""
    async with k8s.Cluster.open(confined) as cluster:
        asked = [
            k8s.Right("create", "", "configmaps", namespace),
            k8s.Right("delete", "", "configmaps", namespace),
            k8s.Right("create", "", "configmaps"),
            k8s.Right("create", "apps", "deployments", namespace),
        ]
        assert [each.allowed for each in await rights.review(cluster, asked)] == [True, False, False, False]
        (told,) = await rights.missing(cluster, asked[:2])
        assert told.action == f"delete configmaps in namespace {namespace}"
        assert told.because


async def test_a_connection_test_tells_who_we_are_and_what_we_may_not(confined: Kubernetes, namespace: str) -> None:
    """Identity and version by the cluster; a right that is missing is a problem in words."""
    told = await k8s.try_connection(opened(confined), needed(namespace))
    assert told.identity == f"system:serviceaccount:{namespace}:confined"
    assert re.match(r"v1\.\d+", told.version)
    assert not told.ok
    assert {each.action: each.allowed for each in told.permissions} == {
        f"delete configmaps in namespace {namespace}": False,
        f"get configmaps in namespace {namespace}": True,
    }
    assert "delete configmaps" in told.problems[0].detail


async def test_a_connection_test_of_an_admin_finds_nothing(kubernetes_settings: Kubernetes, namespace: str) -> None:
    """All is allowed."""
    told = await k8s.try_connection(opened(kubernetes_settings), needed(namespace))
    assert told.ok
    assert told.problems == []
    assert told.details["server"]


async def test_a_connection_test_of_wrong_credentials_says_what_to_do(kubernetes_settings: Kubernetes) -> None:
    """The cluster answers, and refuses the token."""
    document = yaml.safe_load(kubernetes_settings.kubeconfig)
    for user in document["users"]:
        user["user"] = {"token": "no such token"}
    told = await k8s.try_connection(opened(Kubernetes(kubeconfig=yaml.safe_dump(document))))
    assert not told.ok
    assert told.problems[0].pointer == "#/kubeconfig"
    assert told.problems[0].code == "MW5010"


async def test_what_could_not_be_taken_back_is_not_begun(confined: Kubernetes, namespace: str) -> None:
    """The dry run may do it, and deleting is not allowed: a problem that names verb, resource and namespace."""

    class Runtime:
        async def connection(self, workspace: str, connection: str) -> OpenConnection[Any]:
            return opened(confined)

    runtime: Any = Runtime()
    async with k8s.Clusters(runtime) as clusters:
        mesh = kit.MeshRef(workspace="default", connection="local", mesh="m")
        target = k8s.KubernetesTarget(kit.Scope(runtime, clusters, mesh))
        ref = ResourceRef(kind="ConfigMap", namespace=namespace, name="a")
        draft = kit.Draft(
            mesh=mesh, owner="o", operation="o", design=Design(id="o"), resources=[Resource(ref=ref, body={"data": {}})]
        )
        (problem,) = (await target.dry_run(draft)).problems
        assert f"delete configmaps a in namespace {namespace}" in problem.detail
        secret = Resource(ref=ResourceRef(kind="Secret", namespace=namespace, name="a"), body={})
        with pytest.raises(k8s.Forbidden, match="secrets"):
            await target.dry_run(msgspec.structs.replace(draft, resources=[secret]))
