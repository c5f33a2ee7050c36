"""An istiod that gathers changes for longer than its pods tell is waited for all the same: it counts its work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Backend, TrafficSplit
from meshwright.schemas.operations import ApplyDesign, StepCompleted
from rig.kubernetes import worker
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built
from testbed.istiod import Istiod
from testbed.objects import Objects
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
NAMESPACE = "meshwright-test-gathering"
GATHERS_S = 3


@pytest.fixture(scope="module")
def istiod(kubernetes_server: KubernetesServer) -> Iterator[Istiod]:
    """One whose process has a setting that its Deployment does not show, as one from a ConfigMap would be."""
    skip_unless_built(programs.ISTIOD, programs.ISTIOCTL)
    with Istiod(kubernetes_server, environment={"PILOT_DEBOUNCE_AFTER": f"{GATHERS_S}s"}) as running:
        yield running


async def test_the_next_request_follows(kubernetes_server: KubernetesServer, istiod: Istiod, tmp_path: Path) -> None:
    """The operation ends after the push, which begins when the quiet that is waited for otherwise is long over."""
    namespace = {"name": NAMESPACE, "labels": {"istio.io/rev": "default"}}
    kubeconfig = worker.within(kubernetes_server.kubeconfig(), NAMESPACE)
    services = [Service("reviews", ("v1", "v2"), sidecar=True)]
    with kubernetes_server.client() as client:
        objects = Objects(client)
        objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
        try:
            async with (
                SidecarWorld(kubernetes_server, istiod, NAMESPACE, services) as world,
                worker.working(kubeconfig, tmp_path) as mesh,
            ):
                for version in ("v1", "v2"):
                    backends = [Backend(version=each, weight=100 * (each == version)) for each in ("v1", "v2")]
                    intent = TrafficSplit(service="reviews", backends=backends)
                    events = await mesh.do(ApplyDesign(design=Design(id="split", intents=[intent])))
                    assert (await world.request("reviews")).version == version
                    (result,) = (
                        each.result for each in events if isinstance(each, StepCompleted) and each.step == "wait"
                    )
                    assert (result["sent"], result["taken"], result["behind"]) == (3, 3, [])
        except Refused as refused:
            pytest.skip(str(refused))
        finally:
            objects.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
