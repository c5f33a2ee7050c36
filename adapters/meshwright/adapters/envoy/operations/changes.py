"""Carrying out changes other than designs: enrolling, withdrawing, installing, renewing certificates.

Invariant: the steps are those of a design's lifecycle without a release; another attempt continues from the plan.
"""

from collections.abc import Awaitable, Callable

from meshwright.adapters.envoy.operations.effects import Applied, Effects
from meshwright.adapters.envoy.state import identity, plans
from meshwright.adapters.envoy.state.plans import Plan, Planned
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit


class Change:
    """The change of one mesh by one operation."""

    def __init__(self, ctx: kit.Context) -> None:
        self.ctx = ctx
        self.plane = ctx.service(ControlPlane)
        self.buckets = self.plane.buckets
        self.workspace, self.mesh = ctx.command.workspace, ctx.command.mesh
        self.key = identity.mesh_key(self.workspace, self.mesh)

    async def carry_out(self, make: Callable[[], Awaitable[Plan]]) -> Planned:
        """Make the plan, then carry it out: every step up to the proxies' acknowledgement.

        Raises kit.Reject when the plan does not fit or the proxies reject it, and what steps raise.
        """

        async def planned() -> Planned:
            return await plans.store(self.buckets, self.key, self.ctx.command.operation, await make())

        step = self.ctx.step
        recorded = await step("validate", planned, result=Planned)
        effects = await self._effects(recorded)
        await step("write-desired", effects.write, undo=effects.unwrite)
        if effects.plan.after is not None:
            if effects.needs_sidecars:
                await step("start-sidecars", effects.start_sidecars, undo=effects.stop_new_sidecars)
            await step("wait-for-acks", effects.agree, result=Applied)
            if effects.tightened:
                await step("close-plain-connections", effects.close_plain_connections)
        if effects.gone:
            await step("stop-sidecars", effects.stop_old_sidecars, undo=effects.restart_old_sidecars)
        return recorded

    async def finish(self, planned: Planned, last: Callable[[], Awaitable[None]] | None = None) -> None:
        """Publish what changed, then do `last`; the last step of every change."""

        async def announce() -> None:
            await (await self._effects(planned)).tell()
            if last:
                await last()

        await self.ctx.step("tell", announce)

    async def _effects(self, recorded: Planned) -> Effects:
        return Effects(self.plane, await plans.load(self.buckets, self.key, recorded.plan), self.workspace, self.ctx)
