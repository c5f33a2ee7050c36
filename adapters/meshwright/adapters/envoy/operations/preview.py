"""What an operation on a design would do, told without doing it.

Invariant: nothing is written; the difference shown is between the snapshots that proxies would receive.
"""

import asyncio
import threading

import msgspec

from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.intents.translation import translate
from meshwright.adapters.envoy.operations.targets import DesignPlanner, Target
from meshwright.adapters.envoy.resources import compiler, diffs
from meshwright.adapters.envoy.state import identity, occupied, plans
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.releases import Releases
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.schemas.designs import Preview
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import AnyIntent, Translation, Unsupported
from meshwright.schemas.operations import ApplyDesign, Command, RemoveDesign, RollbackDesign
from meshwright.schemas.workloads import WorkloadSpec

_BREATH = 0.001
"""seconds of pause behind each intent: this thread would otherwise keep the interpreter from all others"""


@adapter.preview
async def preview(ctx: kit.PreviewContext) -> Preview:
    """Translations, refusals, problems and the difference to what runs.

    Raises kit.Reject when the mesh, design or revision is not there.
    """
    plane, command = ctx.service(ControlPlane), ctx.command
    before = await plans.present(plane.buckets.desired, identity.mesh_key(command.workspace, command.mesh))
    states = plane.states()

    async def taken(specs: list[WorkloadSpec]) -> dict[occupied.Place, str]:
        wanted = {spec.port for spec in specs}
        return await asyncio.to_thread(occupied.taken, ctx.runtime, plane.options, states, before, wanted)

    releases = Releases(plane.buckets.releases, ctx.runtime)
    target = await _target(DesignPlanner(before, states, releases, plane.options.first_port, taken), command)
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_preview, before, target, stop)
    finally:
        stop.set()


async def _target(planner: DesignPlanner, command: Command) -> Target:
    if command.kind == ApplyDesign.kind.name:
        return await planner.applying(msgspec.convert(command.arguments, ApplyDesign).design)
    if command.kind == RemoveDesign.kind.name:
        return await planner.removing(msgspec.convert(command.arguments, RemoveDesign).design)
    if command.kind == RollbackDesign.kind.name:
        wanted = msgspec.convert(command.arguments, RollbackDesign)
        return await planner.rolling_back(wanted.design, wanted.revision)
    detail = f"{command.kind} cannot be previewed on this mesh"
    return Target(after=planner.before, problems=[FieldError(detail=detail)])


def _preview(before: DesiredState, target: Target, stop: threading.Event) -> Preview:
    intents: list[AnyIntent] = target.design.intents if target.design else []
    answers = []
    for intent in intents:
        answers.append(translate(intent, target.after))
        if stop.wait(_BREATH):
            raise TimeoutError("the client of this preview has gone")
    return Preview(
        translations=[each for each in answers if isinstance(each, Translation)],
        unsupported=[each for each in answers if isinstance(each, Unsupported)],
        problems=target.problems,
        diff=diffs.diff(compiler.compile_mesh(before), compiler.compile_mesh(target.after)),
    )
