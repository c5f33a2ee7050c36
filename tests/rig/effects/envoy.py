"""The mesh of real Envoys without Kubernetes, as the proofs of intents want it."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from meshwright.adapters.envoy.dataplane import program
from meshwright.schemas.designs import Design, Preview
from meshwright.schemas.operations import ApplyDesign, InstallMesh, RemoveDesign, enrolling
from meshwright.schemas.workloads import WorkloadSpec
from rig.effects.mesh import CALLER, WORKLOADS, Answer, Mesh, Request
from rig.stack.envoy_mesh import App, EnvoyMesh, opened

TWIN = "reviews-v1-twin"


class ProvenEnvoyMesh(Mesh):
    """Use `serving`."""

    kind = "envoy"
    takes_plain_text = False
    unsupported = frozenset({"ingress", "egress-control"})

    def __init__(self, mesh: EnvoyMesh, version: str) -> None:
        self.mesh, self.version = mesh, version

    async def apply(self, design: Design) -> None:
        await self.mesh.do(ApplyDesign(design=design))

    async def remove(self, design: Design) -> None:
        await self.mesh.do(RemoveDesign(design=design.id))

    async def preview(self, design: Design) -> Preview:
        return await self.mesh.preview(ApplyDesign(design=design))

    async def call(
        self,
        service: str,
        path: str = "/",
        *,
        by: str = CALLER,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> Answer:
        began = time.monotonic()
        response = await self.mesh.get(service, path, by=by, headers=dict(headers or {}), method=method)
        return _answer(response, time.monotonic() - began)

    async def call_in_plain_text(self, workload: str) -> Answer:
        state = self.mesh.plane.state("default", "demo")
        assert state is not None
        try:
            return _answer(await self.mesh.client.get(f"http://127.0.0.1:{state.workloads[workload].ports.inbound}/"))
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from error

    async def call_outside(self, host: str) -> Answer:
        raise NotImplementedError("sidecars carry only calls to services of the mesh")

    async def call_from_outside(self, host: str, path: str = "/") -> Answer:
        raise NotImplementedError("the mesh has no gateway")

    def received(self, workload: str) -> list[Request]:
        return [Request(path, headers) for path, headers in self.mesh.apps[workload].requests]

    def log(self, workload: str) -> str:
        return self.mesh.plane.fleet.log(f"default.demo.{workload}").read_text()


def _answer(response: httpx.Response, seconds: float = 0.0) -> Answer:
    text = response.text
    return Answer(status=response.status_code, text=text, workload=text if text in WORKLOADS else "", seconds=seconds)


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[ProvenEnvoyMesh]:
    """The mesh with all workloads, as long as the block runs."""
    async with opened(directory) as mesh, App(TWIN).serving() as twin:
        mesh.apps[TWIN] = twin
        await mesh.do(InstallMesh())
        service, version = WORKLOADS[TWIN]
        specs = [*mesh.specs(), WorkloadSpec(name=TWIN, service=service, version=version, port=twin.port)]
        await mesh.do(enrolling(specs))
        version = await program.version(program.envoy())
        yield ProvenEnvoyMesh(mesh, version.rpartition(".")[0])
