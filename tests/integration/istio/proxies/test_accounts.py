"""What a real sidecar of a pod tells of itself, by port forwarding: real istiod, real Envoy, a worker that is asked."""

import contextlib
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from meshwright.adapters.istio.connecting import RIGHTS
from meshwright.adapters.istio.proxies import accounts
from meshwright.core import kit
from meshwright.core.bus.client import requesting
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.workloads import ProxyAccount, ProxyRequest
from meshwright.ui_api.requests import cluster_roles
from rig.kubernetes import worker
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod
from testbed.objects import Objects
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
NAMESPACE = "meshwright-test-accounts"
USER = "meshwright-test-asker"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(kubernetes_server: KubernetesServer, istiod: Istiod) -> AsyncIterator[SidecarWorld]:
    """A service with a sidecar."""
    namespace = {"name": NAMESPACE, "labels": {"istio.io/rev": "default"}}
    with kubernetes_server.client() as client:
        objects = Objects(client)
        objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
        try:
            async with SidecarWorld(kubernetes_server, istiod, NAMESPACE, [Service("reviews", sidecar=True)]) as result:
                yield result
        except Refused as refused:
            pytest.skip(str(refused))
        finally:
            objects.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})


async def test_a_worker_tells_what_a_sidecar_holds(
    world: SidecarWorld, kubernetes_server: KubernetesServer, tmp_path: Path
) -> None:
    """Its certificate with identity and issuer, the root, and the resources of each type that istiod has sent."""
    pod = world.pod("reviews-v1")
    asked = ProxyRequest(
        workspace="default", connection=worker.CONNECTION, mesh="prod", namespace=NAMESPACE, name=pod.name
    )
    async with worker.working(kubernetes_server.kubeconfig(), tmp_path) as mesh, world.forwarded("reviews-v1"):
        answer = await requesting.request(mesh.api.bus, "istio", "proxy", msgspec.json.encode(asked))
    told = msgspec.json.decode(answer, type=ProxyAccount)
    own = next(each for each in told.certificates if each.role == "own")
    assert own.names == [f"spiffe://cluster.local/ns/{NAMESPACE}/sa/{pod.account}"]
    assert own.not_before and own.not_after and own.not_before < own.not_after
    assert own.issuer in {each.subject for each in told.certificates if each.role == "root"} - {""}
    held = {each.type: each for each in told.resources}
    assert f"outbound|9080||reviews.{NAMESPACE}.svc.cluster.local" in held["Cluster"].names
    assert held["Listener"].count >= 1
    assert b"PRIVATE KEY" not in answer


async def test_with_the_rights_that_are_printed_it_is_asked_and_without_forwarding_refused_by_name(
    world: SidecarWorld, kubernetes_server: KubernetesServer
) -> None:
    """The role holds what it takes; without `pods/portforward` the refusal names that right and who prints it."""
    pod = world.pod("reviews-v1")
    less = [each for each in RIGHTS if "pods/portforward" not in each.resources]
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig(USER))
    async with k8s.Cluster.open(settings) as cluster, world.forwarded("reviews-v1"):
        with granted(kubernetes_server, less), pytest.raises(kit.Reject, match="portforward") as refused:
            await accounts.ask(cluster, NAMESPACE, pod.name)
        assert refused.value.failure.code == "MW4015"
        assert "connections rights" in refused.value.failure.remedy
        with granted(kubernetes_server, RIGHTS):
            assert (await accounts.ask(cluster, NAMESPACE, pod.name)).certificates


async def test_what_cannot_be_asked_is_refused_with_the_reason(
    world: SidecarWorld, kubernetes_server: KubernetesServer
) -> None:
    """A pod that is not there is refused, an Envoy that does not answer may answer later: each in seconds, by name."""
    name = world.pod("reviews-v1").name
    async with k8s.Cluster.open(Kubernetes(kubeconfig=kubernetes_server.kubeconfig())) as cluster:
        with pytest.raises(kit.Reject, match=f"{NAMESPACE}/nobody .*: there is no such pod"):
            await accounts.ask(cluster, NAMESPACE, "nobody")
        with pytest.raises(kit.Retry, match=f"{NAMESPACE}/{name} does not answer") as nowhere:
            await accounts.ask(cluster, NAMESPACE, name)
        assert "meshwright logs" in nowhere.value.failure.remedy
        world.signal("reviews-v1", signal.SIGSTOP)
        try:
            async with world.forwarded("reviews-v1"):
                with pytest.raises(kit.Retry, match="no answer in time"):
                    await accounts.ask(cluster, NAMESPACE, name)
        finally:
            world.signal("reviews-v1", signal.SIGCONT)


@contextlib.contextmanager
def granted(server: KubernetesServer, rules: Sequence[AccessRule]) -> Iterator[None]:
    """The user has the ClusterRole that `connections rights` prints for these rules while the block runs."""
    role = next(each for each in cluster_roles.manifests(USER, rules) if each["kind"] == "ClusterRole")
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": USER}
    binding = {
        "apiVersion": role["apiVersion"],
        "kind": "ClusterRoleBinding",
        "metadata": {"name": USER},
        "roleRef": reference,
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    with server.client() as client:
        objects = Objects(client)
        objects.apply(role, binding)
        try:
            yield
        finally:
            objects.delete(role, binding)
