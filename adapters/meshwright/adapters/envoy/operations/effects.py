"""The effects of a change of the desired state: it is written, sidecars are started and stopped, proxies acknowledge,
events are published.

Invariant: each effect is idempotent and can be undone from the plan alone. A desired state that proxies rejected does
not survive the operation.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.dataplane import binding, draining
from meshwright.adapters.envoy.dataplane.fleet import FleetError
from meshwright.adapters.envoy.state import desired, documents, identity, plans
from meshwright.adapters.envoy.state.desired import DesiredState, Member
from meshwright.adapters.envoy.state.plans import Plan
from meshwright.adapters.envoy.xds import statuses
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.core.kit.machine import in_thread
from meshwright.schemas.workloads import WorkloadObserved

ANSWER_SECONDS = 30.0
_STARTS_AT_ONCE = 4
_TELLS_AT_ONCE = 16


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The proxies' answers. `absent` ones get the configuration when they reconnect."""

    version: str
    acked: int
    absent: list[str] = []
    blocked: list[str] = []
    """those whose port is in use; they follow when it is free"""


class Effects:
    """The effects of one plan on one mesh, for one attempt of an operation."""

    def __init__(self, plane: ControlPlane, plan: Plan, workspace: str, attempt: kit.Attempt) -> None:
        self.plane = plane
        self.plan = plan
        self.workspace, self.mesh = workspace, plan.mesh
        self._key = identity.mesh_key(workspace, plan.mesh)
        self._attempt = attempt

    async def write(self) -> None:
        """Write the state after the change. Raises kit.Retry when another writer has written another one."""
        await plans.write(self.plane.buckets, self._key, self.plan.after, self.plan.before, self._attempt.confirm)

    async def unwrite(self) -> None:
        """Write the state before the change."""
        await plans.write(self.plane.buckets, self._key, self.plan.before, self.plan.after, self._attempt.confirm)
        await self._give_back(self.plan.after, self.plan.before)

    @property
    def needs_sidecars(self) -> bool:
        """Whether sidecars must be started or restarted."""
        wanted, former = _managed(self.plan.after), _managed(self.plan.before)
        return any(name not in former or wanted[name].ports != former[name].ports for name in wanted)

    async def start_sidecars(self) -> None:
        """Run the sidecars that the mesh has after the change."""
        after, wanted = self.plan.after, _managed(self.plan.after)
        assert after is not None
        await self._attempt.progress(f"starting any of {len(wanted)} sidecars not yet running")
        await self._each(list(wanted), lambda name: self._start(after, wanted[name]), _STARTS_AT_ONCE)

    async def stop_new_sidecars(self) -> None:
        """Stop the sidecars that the mesh did not have before the change."""
        former = _managed(self.plan.before)
        await self._each([name for name in _managed(self.plan.after) if name not in former], self._remove)

    @property
    def gone(self) -> list[str]:
        """The workloads whose sidecars the mesh no longer has."""
        return sorted(_managed(self.plan.before).keys() - _managed(self.plan.after).keys())

    async def stop_old_sidecars(self) -> None:
        """Stop the sidecars that the mesh no longer has."""
        await self._each(self.gone, self._remove)

    async def restart_old_sidecars(self) -> None:
        """Start them again."""
        before = self.plan.before
        if before is not None:
            await self._each(self.gone, lambda name: self._start(before, before.workloads[name]), _STARTS_AT_ONCE)

    async def agree(self) -> Applied:
        """Wait until the proxies have the state after the change; raises kit.Reject with their errors when they reject
        it.

        An existing proxy whose port is in use does not delay the others: it follows when it can.
        """
        assert self.plan.after is not None
        version = desired.version(self.plan.after)
        await self._attempt.progress("waiting for the proxies to acknowledge")
        try:
            answers = await self.plane.applied(self.workspace, self.mesh, version, ANSWER_SECONDS)
        except TimeoutError as error:
            raise failures.unserved(str(error)) from error
        refused = {name: each for name, each in answers.items() if each.state == "rejected"}
        blocked = {name: refused.pop(name).blocked for name in list(refused) if refused[name].blocked}
        if refused or blocked:
            await self.plane.tell([identity.NodeId(self.workspace, self.mesh, name) for name in (*refused, *blocked)])
        if refused:
            raise failures.rejected(refused)
        await self._blocked(blocked)
        silent = {name: each for name, each in answers.items() if not statuses.is_answer(each, version)}
        absent = sorted(name for name, each in silent.items() if each.state == "disconnected")
        stuck = sorted(silent.keys() - set(absent))
        if stuck:
            raise failures.unanswered(stuck, ANSWER_SECONDS)
        if absent:
            await self._attempt.progress(f"{', '.join(absent[:10])} not connected: configured on return")
        acked = len(answers) - len(absent) - len(blocked)
        return Applied(version=version, acked=acked, absent=absent, blocked=sorted(blocked))

    async def _blocked(self, blocked: dict[str, list[int]]) -> None:
        """Report sidecars that cannot listen; new ones get other ports when the operation is retried."""
        if not blocked:
            return
        places = {name: [binding.Taken("", port) for port in numbers] for name, numbers in sorted(blocked.items())}
        known = await asyncio.to_thread(binding.named, [each for several in places.values() for each in several])
        what = "; ".join(f"{name}: {binding.words(each, known)}" for name, each in places.items())[:1000]
        if set(blocked) - set(self.plan.before.workloads if self.plan.before else ()):
            raise failures.ports_taken(what)
        await self._attempt.progress(what)

    @property
    def tightened(self) -> list[str]:
        """The workloads whose plain-text connections must be closed."""
        return draining.tightened(self.plan.before, self.plan.after) if self.plan.after else []

    async def close_plain_connections(self) -> None:
        """Wait until strict services have no connection without TLS any more. Raises kit.Reject when some remain."""
        strict, after = self.tightened, self.plan.after
        assert after is not None
        await self._attempt.progress(f"waiting for the end of plain connections to {', '.join(strict[:10])}")
        nodes = {name: str(after.node(name)) for name in strict}
        left = await draining.plain_ones(self.plane.fleet.directory, nodes)
        if left:
            raise failures.still_plain(left, draining.AT_MOST_SECONDS)

    async def tell(self) -> None:
        """Publish which workloads were added, changed and removed."""
        before = self.plan.before.workloads if self.plan.before else {}
        after = self.plan.after.workloads if self.plan.after else {}
        new = [name for name, member in after.items() if before.get(name) != member]
        await self._each(new, self._tell_of, _TELLS_AT_ONCE)
        await self._each([name for name in before if name not in after], self._tell_gone, _TELLS_AT_ONCE)
        await self._give_back(self.plan.before, self.plan.after)
        if self.plan.after:
            self.plane.report(self.plan.after)

    async def _start(self, state: DesiredState, member: Member) -> None:
        try:
            await self.plane.start_sidecar(state, member.spec.name)
        except FleetError as error:
            raise failures.not_started(str(error)) from error

    async def _remove(self, name: str) -> None:
        await self.plane.fleet.remove(str(identity.NodeId(self.workspace, self.mesh, name)))

    async def _give_back(self, had: DesiredState | None, has: DesiredState | None) -> None:
        """Release the ports of sidecars that the mesh no longer has; a failure is harmless."""
        kept = has.workloads if has else {}
        gone = [member for name, member in (had.workloads if had else {}).items() if name not in kept]
        if gone:
            with contextlib.suppress(OSError):
                await in_thread(self.plane.reservations.give_back, gone)

    async def _tell_of(self, name: str) -> None:
        state = self.plan.after
        assert state is not None
        document = documents.workload(state, state.workloads[name], documents.now())
        await self.plane.runtime.emit(self.workspace, document.id, WorkloadObserved(workload=document))

    async def _tell_gone(self, name: str) -> None:
        await self.plane.forget(identity.NodeId(self.workspace, self.mesh, name))
        for gone in documents.removed(self.mesh, name):
            await self.plane.runtime.emit(self.workspace, gone.id, gone)

    async def _each(
        self, names: list[str], act: Callable[[str], Awaitable[None]], at_once: int = _STARTS_AT_ONCE
    ) -> None:
        """Run it for all, with limited concurrency; the first failure ends it and is raised as itself."""
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
