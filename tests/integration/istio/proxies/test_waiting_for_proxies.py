"""An operation on a design ends when the proxies have taken it: real istiod, real Envoys, real requests."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from meshwright.core.testing.sending import kinds
from meshwright.schemas.base import Message
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Backend, NativeResource, TrafficSplit
from meshwright.schemas.operations import ApplyDesign, OperationFailed, RemoveDesign, StepCompleted
from meshwright.schemas.references import ResourceRef
from rig.kubernetes import worker
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod
from testbed.objects import Objects
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
NAMESPACE = "meshwright-test-waiting"
FILTER = ResourceRef(group="networking.istio.io", kind="EnvoyFilter", namespace=NAMESPACE, name="refused")
LEAST = "RBACValidationError.StatPrefix: value length must be at least 1 characters"


class Around(msgspec.Struct, frozen=True):
    """A mesh, its services, and its control plane."""

    mesh: worker.Mesh
    world: SidecarWorld
    istiod: Istiod
    server: KubernetesServer

    def there(self, ref: ResourceRef) -> bool:
        """Whether the API server has an EnvoyFilter."""
        path = f"/apis/{ref.group}/v1alpha3/namespaces/{ref.namespace}/envoyfilters/{ref.name}"
        with self.server.client() as client:
            return client.get(path).status_code == 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def around(
    kubernetes_server: KubernetesServer, istiod: Istiod, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Around]:
    """One mesh for all tests of this module."""
    namespace = {"name": NAMESPACE, "labels": {"istio.io/rev": "default"}}
    directory: Path = tmp_path_factory.mktemp("waiting")
    kubeconfig = worker.within(kubernetes_server.kubeconfig(), NAMESPACE)
    with kubernetes_server.client() as client:
        objects = Objects(client)
        objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
        services = [Service("reviews", ("v1", "v2"), sidecar=True)]
        try:
            async with (
                SidecarWorld(kubernetes_server, istiod, NAMESPACE, services) as world,
                worker.working(kubeconfig, directory) as mesh,
            ):
                yield Around(mesh, world, istiod, kubernetes_server)
        except Refused as refused:
            pytest.skip(str(refused))
        finally:
            objects.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})


def split(version: str) -> ApplyDesign:
    """Everything to one version."""
    backends = [Backend(version=each, weight=100 if each == version else 0) for each in ("v1", "v2")]
    return ApplyDesign(design=Design(id="split", intents=[TrafficSplit(service="reviews", backends=backends)]))


def refused(name: str = "refused") -> ApplyDesign:
    """A filter that the API server and istiod take, and no Envoy: it lacks what Envoy requires of it."""
    value = {
        "name": "incomplete",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC"},
    }
    match = {
        "context": "SIDECAR_OUTBOUND",
        "listener": {"filterChain": {"filter": {"name": "envoy.filters.network.http_connection_manager"}}},
    }
    patch = {"operation": "INSERT_BEFORE", "value": value}
    body = {"spec": {"configPatches": [{"applyTo": "NETWORK_FILTER", "match": match, "patch": patch}]}}
    resource = NativeResource(
        type="networking.istio.io/v1alpha3/EnvoyFilter", namespace=FILTER.namespace, name=FILTER.name, body=body
    )
    return ApplyDesign(design=Design(id=name, resources=[resource]))


def taken(events: list[Message], step: str = "wait") -> dict[str, Any]:
    """What the step says of the proxies."""
    (result,) = (each.result for each in events if isinstance(each, StepCompleted) and each.step == step)
    return dict(result)


async def test_the_next_request_follows(around: Around) -> None:
    """Ten times: when the operation has succeeded, each request goes where the design says; none is tried again."""
    for number in range(10):
        version = f"v{number % 2 + 1}"
        events = await around.mesh.do(split(version))
        assert (await around.world.request("reviews")).version == version, number
        result = taken(events)
        assert (result["sent"], result["taken"], result["behind"]) == (3, 3, []), result
    events = await around.mesh.do(RemoveDesign(design="split"))
    assert taken(events, "prune")["taken"] == 3
    assert set(await around.world.versions("reviews", 30)) == {"v1", "v2"}


async def test_what_proxies_refuse_fails_with_their_words_and_is_undone(around: Around) -> None:
    """Twice: the failure names a proxy and has Envoy's words; the object is gone, and the next design is not blamed."""
    for _ in range(2):
        events = await around.mesh.ask(refused())
        assert kinds(events)[-1] == "failed", events[-1]
        (failure,) = (each.failure for each in events if isinstance(each, OperationFailed))
        assert failure.code == "MW2001"
        assert LEAST in failure.what
        assert NAMESPACE in failure.what
        assert not around.there(FILTER)
        await around.mesh.do(split("v2"))
        assert (await around.world.request("reviews")).version == "v2"
        await around.mesh.do(RemoveDesign(design="split"))
