"""Consul's mesh as the proofs of intents want it: a real worker, a real Consul, real Envoys as sidecars."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from meshwright.schemas.designs import Design, Preview
from meshwright.schemas.operations import ApplyDesign, RemoveDesign
from rig.consul import worker
from rig.consul.world import World
from rig.effects.mesh import CALLER, WORKLOADS, Answer, Mesh, Request
from testbed.consul import ConsulServer
from testbed.programs import CONSUL_VERSION


class ProvenConsul(Mesh):
    """Use `serving`."""

    kind = "consul"
    version = CONSUL_VERSION.rpartition(".")[0]
    takes_plain_text = False
    identity = "/svc/web"
    most_faults = 0
    unsupported = frozenset({"mirror", "fault-delay", "fault-abort", "rate-limit", "egress-control", "access-log"})
    """the community edition of this version"""

    def __init__(self, mesh: worker.Mesh, around: World) -> None:
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
        return _answer(*await self.world.get(service, path, by=by, headers=headers, method=method))

    async def call_in_plain_text(self, workload: str) -> Answer:
        try:
            return _answer(*await self.world.request(self.world.inbound[workload], WORKLOADS[workload][0]))
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from error

    async def call_outside(self, host: str) -> Answer:
        raise NotImplementedError("sidecars carry only calls to services of the mesh")

    async def call_from_outside(self, host: str, path: str = "/") -> Answer:
        try:
            return _answer(*await self.world.request(self.world.ingress_port, host, path))
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from error

    def received(self, workload: str) -> list[Request]:
        return [Request(path, headers) for path, headers in self.world.apps[workload].requests]

    def log(self, workload: str) -> str:
        return self.world.sidecars[workload].log()


def _answer(response: httpx.Response, seconds: float) -> Answer:
    text = response.text
    return Answer(status=response.status_code, text=text, workload=text if text in WORKLOADS else "", seconds=seconds)


@asynccontextmanager
async def serving(consul: ConsulServer, directory: Path) -> AsyncIterator[ProvenConsul]:
    """The mesh with all workloads, as long as the block runs."""
    folder = directory / "sidecars"
    folder.mkdir()
    async with World(consul, folder) as around:
        port = str(around.ingress_port)
        async with worker.working(consul, directory, consul_ingress_port=port) as mesh:
            yield ProvenConsul(mesh, around)
