"""The Envoy adapter: the object on which the modules beside this one register their operations.

Invariant: its service is the control plane; commands are accepted only while it runs.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from meshwright.adapters.envoy.dataplane.statistics import Statistics, Target
from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.target import EnvoyFacts, EnvoyTarget
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.core.kit import tasks
from meshwright.schemas.connections import EnvoyFleet

adapter = kit.Adapter(
    "envoy",
    meshes=["envoy"],
    contract=2,
    version="0.1.0",
    settings=Options,
    proofs=kit.proofs(__package__),
    target=EnvoyTarget,
    connections=[EnvoyFleet],
)


@adapter.facts
async def facts(target: EnvoyTarget, draft: kit.Draft) -> EnvoyFacts:
    """The desired state including the design, and the version of its proxies."""
    return await target.facts(draft)


@adapter.service
async def serve(runtime: kit.Runtime) -> AsyncIterator[ControlPlane]:
    """Run the control plane and the measurement of edges concurrently with the commands."""
    async with ControlPlane.open(runtime, runtime.settings(Options)) as plane, _measuring(plane):
        yield plane


@contextlib.asynccontextmanager
async def _measuring(plane: ControlPlane) -> AsyncIterator[None]:
    async def targets() -> list[Target]:
        running = {sidecar.node_id for sidecar in await plane.fleet.list() if sidecar.pid is not None}
        wanted = []
        for state in plane.states():
            nodes = {name: str(state.node(name)) for name in state.workloads}
            here = {name: node for name, node in nodes.items() if node in running}
            if here:
                wanted.append(Target(workspace=state.workspace, mesh=state.mesh, sidecars=here))
        return wanted

    statistics = Statistics(plane.fleet.directory, targets, plane.runtime.measure)
    loop = asyncio.create_task(statistics.run(), name="envoy-statistics")
    try:
        yield
    finally:
        await tasks.end(loop)
