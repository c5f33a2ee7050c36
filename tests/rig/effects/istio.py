"""Istio's mesh as the proofs of intents want it: a real worker, a real istiod, real Envoys as sidecars.

What a document asks for goes the way of every operation, from the bus through the worker to the API server; its
services are those of the namespace that the connection names. The Envoys are not Istio's own build, whose extensions no
intent needs.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from meshwright.schemas.designs import Design, Preview
from meshwright.schemas.operations import ApplyDesign, RemoveDesign
from rig.effects import documents
from rig.effects.mesh import CALLER, WORKLOADS, Answer, Mesh, Request
from rig.kubernetes import worker
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built
from testbed.istiod import MINOR, NAMESPACE, Istiod
from testbed.objects import Object, Objects
from testbed.traffic import apps, resolver, world
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

JSON_LOG = "json"
MESH_CONFIG: dict[str, Any] = {
    "accessLogFile": "",
    "extensionProviders": [
        {
            "name": JSON_LOG,
            "envoyFileAccessLog": {
                "path": "/dev/stdout",
                "logFormat": {"labels": {"path": "%REQ(:PATH)%", "status": "%RESPONSE_CODE%"}},
            },
        }
    ],
}
"""nothing is logged but what a design asks for"""
SERVICES = (
    Service("web", sidecar=True),
    Service("reviews", ("v1", "v2"), sidecar=True, twins=("v1",)),
    Service("ratings", sidecar=True),
)
_CLIENT, _GATEWAY = "client", "ingress"
_WHERE_TO = "x-envoy-original-dst-host"


class ProvenIstio(Mesh):
    """Use `serving`, or the fixture `proven_istio`."""

    kind = "istio"
    version = MINOR
    takes_plain_text = True
    most_faults = 2

    def __init__(self, mesh: worker.Mesh, around: SidecarWorld) -> None:
        self.mesh, self.world = mesh, around

    async def apply(self, design: Design) -> None:
        await self.mesh.do(ApplyDesign(design=design))

    async def remove(self, design: Design) -> None:
        await self.mesh.do(RemoveDesign(design=design.id))

    async def preview(self, design: Design) -> Preview:
        return await self.mesh.api.preview(ApplyDesign(design=design), mesh=self.mesh.name)

    async def call(
        self,
        service: str,
        path: str = "/",
        *,
        by: str = CALLER,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> Answer:
        return _answer(await self.world.request(service, path, client=by, headers=headers, method=method))

    async def call_in_plain_text(self, workload: str) -> Answer:
        service = WORKLOADS[workload][0]
        asked = self.world.request(service, client=_CLIENT, gateway=workload, port=apps.PORT)
        try:
            return _answer(await asked)
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error

    async def call_outside(self, host: str) -> Answer:
        address, port = self.world.outside(host)
        where = {_WHERE_TO: f"{address}:{port}"}
        answer = await self.world.request(host, client=_CLIENT, port=port, headers=where)
        return Answer(status=answer.status, text=answer.text, workload=answer.service)

    async def call_from_outside(self, host: str, path: str = "/") -> Answer:
        return _answer(await self.world.request(host, path, client=_CLIENT, gateway=_GATEWAY))

    def received(self, workload: str) -> list[Request]:
        return [Request(each.path, each.headers) for each in self.world.process(workload).received]

    def log(self, workload: str) -> str:
        return self.world.log(workload, 500)


def _answer(answer: world.Answer) -> Answer:
    return Answer(status=answer.status, text=answer.text, workload=answer.pod, seconds=answer.seconds)


def _outside() -> Object:
    """How a pod without a node reaches hosts outside of the cluster.

    Nothing redirects connections here, so callers say in a header where they wanted to go when they are passed on; and
    names are asked of the server beside the sidecar.
    """
    passing = {"original_dst_lb_config": {"use_http_header": True}}
    patches = [_patch({"name": "PassthroughCluster"}, passing)]
    for host in (documents.OUTSIDE, documents.OTHER_OUTSIDE):
        patches.append(_patch({"service": host}, {"typed_dns_resolver_config": resolver.settings()}))
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "outside", "namespace": NAMESPACE},
        "spec": {"configPatches": patches},
    }


def _patch(cluster: dict[str, str], value: dict[str, Any]) -> dict[str, Any]:
    match = {"context": "SIDECAR_OUTBOUND", "cluster": cluster}
    return {"applyTo": "CLUSTER", "match": match, "patch": {"operation": "MERGE", "value": value}}


@asynccontextmanager
async def serving(
    server: KubernetesServer, istiod: Istiod, namespace: str, directory: Path
) -> AsyncIterator[ProvenIstio]:
    """The mesh with all workloads, as long as the block runs. Raises network.Refused."""
    with server.client() as client:
        meta = {"name": namespace, "labels": {"istio.io/rev": "default"}}
        Objects(client).apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, _outside())
        around = SidecarWorld(
            *(server, istiod, namespace, SERVICES),
            clients=[_CLIENT],
            gateways=[_GATEWAY],
            outside=[documents.OUTSIDE, documents.OTHER_OUTSIDE],
        )
        kubeconfig = worker.within(server.kubeconfig(), namespace)
        try:
            async with around, worker.working(kubeconfig, directory) as mesh:
                yield ProvenIstio(mesh, around)
        finally:
            Objects(client).delete(_outside(), {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})


@pytest.fixture(scope="module")
def logging_istiod(kubernetes_server: KubernetesServer) -> Iterator[Istiod]:
    """Istio that logs nothing by itself, and as JSON what it is asked for."""
    skip_unless_built(programs.ISTIOD, programs.ISTIOCTL)
    with Istiod(kubernetes_server, mesh=MESH_CONFIG) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proven_istio(
    kubernetes_server: KubernetesServer, logging_istiod: Istiod, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ProvenIstio]:
    """One mesh for all proofs of a module."""
    try:
        directory = tmp_path_factory.mktemp("istio")
        async with serving(kubernetes_server, logging_istiod, "meshwright-test-effects", directory) as result:
            yield result
    except Refused as refused:
        pytest.skip(str(refused))
