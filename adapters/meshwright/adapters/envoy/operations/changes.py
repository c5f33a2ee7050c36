"""How every change of a mesh is carried out: plan, write, start sidecars, wait for the proxies, stop sidecars, tell.

Invariant: each step may run twice without harm and can be taken back from the plan alone. The desired state
that proxies rejected does not survive the operation.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.dataplane import binding, draining
from meshwright.adapters.envoy.dataplane.fleet import FleetError
from meshwright.adapters.envoy.state import documents, identity, occupied, plans
from meshwright.adapters.envoy.state.desired import DesiredState, Member
from meshwright.adapters.envoy.state.plans import Plan, Planned
from meshwright.adapters.envoy.xds import statuses
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.schemas.workloads import WorkloadObserved, WorkloadSpec

ANSWER_SECONDS = 30.0
_STARTS_AT_ONCE = 4
_TELLS_AT_ONCE = 16


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """How the proxies took it. `absent` ones get the configuration when they come back."""

    version: str
    acked: int
    absent: list[str] = []
    blocked: list[str] = []
    """those whose port somebody else holds; they follow when it is free"""


class Change:
    """One operation's change of one mesh."""

    def __init__(self, ctx: kit.Context) -> None:
        self.ctx = ctx
        self.plane = ctx.service(ControlPlane)
        self.buckets = self.plane.buckets
        self.workspace, self.mesh = ctx.command.workspace, ctx.command.mesh
        self.key = identity.mesh_key(self.workspace, self.mesh)

    async def carry_out(self, make: Callable[[], Awaitable[Plan]]) -> Planned:
        """Make the plan, then do it: every step up to the proxies' agreement.

        Raises kit.Reject when the plan does not fit or the proxies reject it, and what steps raise.
        """

        async def planned() -> Planned:
            return await plans.store(self.buckets, self.key, self.ctx.command.operation, await make())

        found = await self.ctx.step("validate", planned, result=Planned)
        plan = await plans.load(self.buckets, self.key, found.plan)

        async def written() -> None:
            await plans.write(self.buckets, self.key, plan.after, plan.before, self.ctx.confirm)

        async def unwritten() -> None:
            await plans.write(self.buckets, self.key, plan.before, plan.after, self.ctx.confirm)
            await self._give_back(plan.after, plan.before)

        await self.ctx.step("write-desired", written, undo=unwritten)
        if plan.after is not None:
            await self._start_sidecars(plan, plan.after)
            await self.ctx.step("wait-for-acks", lambda: self._agreed(found.version, plan), result=Applied)
            await self._close_plain_connections(plan.before, plan.after)
        await self._stop_sidecars(plan)
        return found

    async def taken(self, mesh: DesiredState, specs: list[WorkloadSpec]) -> dict[occupied.Place, str]:
        """The places that these workloads cannot have in this mesh."""
        plane, wanted = self.plane, {spec.port for spec in specs}
        return await asyncio.to_thread(occupied.taken, plane.runtime, plane.options, plane.states(), mesh, wanted)

    async def finish(self, found: Planned, last: Callable[[], Awaitable[None]] | None = None) -> None:
        """Tell what changed, then do `last`; the last step of every change."""

        async def told() -> None:
            await self._tell(await plans.load(self.buckets, self.key, found.plan))
            if last:
                await last()

        await self.ctx.step("tell", told)

    async def _start_sidecars(self, plan: Plan, after: DesiredState) -> None:
        wanted = _managed(after)
        former = _managed(plan.before)

        async def started() -> None:
            await self.ctx.progress(f"starting any of {len(wanted)} sidecars not yet running")
            await self._each(list(wanted), lambda name: self._start(after, wanted[name]), _STARTS_AT_ONCE)

        async def stopped() -> None:
            await self._each([name for name in wanted if name not in former], self._remove, _STARTS_AT_ONCE)

        if wanted.keys() - former.keys() or any(wanted[name].ports != former[name].ports for name in wanted):
            await self.ctx.step("start-sidecars", started, undo=stopped)

    async def _stop_sidecars(self, plan: Plan) -> None:
        gone = sorted(_managed(plan.before).keys() - _managed(plan.after).keys())
        before = plan.before

        async def stopped() -> None:
            await self._each(gone, self._remove, _STARTS_AT_ONCE)

        async def started() -> None:
            assert before is not None
            await self._each(gone, lambda name: self._start(before, before.workloads[name]), _STARTS_AT_ONCE)

        if gone:
            await self.ctx.step("stop-sidecars", stopped, undo=started)

    async def _agreed(self, version: str, plan: Plan) -> Applied:
        """Wait until the proxies hold this version; raises kit.Reject with their words when they do not.

        A proxy that was there before and whose port is taken does not hold up the others: it follows when it can.
        """
        await self.ctx.progress("waiting for the proxies to acknowledge")
        try:
            found = await self.plane.applied(self.workspace, self.mesh, version, ANSWER_SECONDS)
        except TimeoutError as error:
            raise failures.unserved(str(error)) from error
        refused = {name: each for name, each in found.items() if each.state == "rejected"}
        blocked = {name: refused.pop(name).blocked for name in list(refused) if refused[name].blocked}
        if refused or blocked:
            await self.plane.tell([identity.NodeId(self.workspace, self.mesh, name) for name in (*refused, *blocked)])
        if refused:
            raise failures.rejected(refused)
        await self._blocked(blocked, plan)
        silent = {name: each for name, each in found.items() if not statuses.is_answer(each, version)}
        absent = sorted(name for name, each in silent.items() if each.state == "disconnected")
        stuck = sorted(silent.keys() - set(absent))
        if stuck:
            raise failures.unanswered(stuck, ANSWER_SECONDS)
        if absent:
            await self.ctx.progress(f"{', '.join(absent[:10])} not connected: configured on return")
        acked = len(found) - len(absent) - len(blocked)
        return Applied(version=version, acked=acked, absent=absent, blocked=sorted(blocked))

    async def _blocked(self, blocked: dict[str, list[int]], plan: Plan) -> None:
        """Tell of sidecars that cannot listen; new ones get other ports when the operation is retried."""
        if not blocked:
            return
        places = {name: [binding.Taken("", port) for port in numbers] for name, numbers in sorted(blocked.items())}
        known = await asyncio.to_thread(binding.named, [each for several in places.values() for each in several])
        what = "; ".join(f"{name}: {binding.words(each, known)}" for name, each in places.items())[:1000]
        if set(blocked) - set(plan.before.workloads if plan.before else ()):
            raise failures.ports_taken(what)
        await self.ctx.progress(what)

    async def _close_plain_connections(self, before: DesiredState | None, after: DesiredState) -> None:
        strict = draining.tightened(before, after)

        async def closed() -> None:
            await self.ctx.progress(f"waiting for the end of plain connections to {', '.join(strict[:10])}")
            nodes = {name: str(after.node(name)) for name in strict}
            left = await draining.plain_ones(self.plane.fleet.directory, nodes)
            if left:
                raise failures.still_plain(left, draining.AT_MOST_SECONDS)

        if strict:
            await self.ctx.step("close-plain-connections", closed)

    async def _start(self, state: DesiredState, member: Member) -> None:
        try:
            await self.plane.start_sidecar(state, member.spec.name)
        except FleetError as error:
            raise failures.not_started(str(error)) from error

    async def _remove(self, name: str) -> None:
        await self.plane.fleet.remove(str(identity.NodeId(self.workspace, self.mesh, name)))

    async def _tell(self, plan: Plan) -> None:
        before = plan.before.workloads if plan.before else {}
        after = plan.after.workloads if plan.after else {}
        new = [name for name, member in after.items() if before.get(name) != member]
        await self._each(new, lambda name: self._tell_of(plan.after, name), _TELLS_AT_ONCE)
        await self._each([name for name in before if name not in after], self._tell_gone, _TELLS_AT_ONCE)
        await self._give_back(plan.before, plan.after)
        if plan.after:
            self.plane.report(plan.after)

    async def _give_back(self, had: DesiredState | None, has: DesiredState | None) -> None:
        """Let others have the ports of sidecars that the mesh has no more; keeping them would do no harm."""
        kept = has.workloads if has else {}
        gone = [member for name, member in (had.workloads if had else {}).items() if name not in kept]
        if gone:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self.plane.reservations.give_back, gone)

    async def _tell_of(self, state: DesiredState | None, name: str) -> None:
        assert state is not None
        document = documents.workload(state, state.workloads[name], documents.now())
        await self.plane.runtime.emit(self.workspace, document.id, WorkloadObserved(workload=document))

    async def _tell_gone(self, name: str) -> None:
        await self.plane.forget(identity.NodeId(self.workspace, self.mesh, name))
        for gone in documents.removed(self.mesh, name):
            await self.plane.runtime.emit(self.workspace, gone.id, gone)

    async def _each(self, names: list[str], act: Callable[[str], Awaitable[None]], at_once: int) -> None:
        """Do it for all, some at a time; the first failure ends it and is raised as itself."""
        slots = asyncio.Semaphore(at_once)

        async def one(name: str) -> None:
            async with slots:
                await act(name)

        try:
            async with asyncio.TaskGroup() as tasks:
                for name in names:
                    tasks.create_task(one(name))
        except* Exception as errors:
            raise errors.exceptions[0] from None


def _managed(state: DesiredState | None) -> dict[str, Member]:
    members = state.workloads.items() if state else ()
    return {name: member for name, member in members if member.spec.sidecar == "managed"}
