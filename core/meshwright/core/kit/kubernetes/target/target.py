"""The target of a mesh that lives in a Kubernetes cluster.

Problem: between planning and applying, and in the middle of either, the cluster goes on living: others change objects,
webhooks refuse, servers go away. Invariant: everything is applied as the design's own field manager, so doing it twice
is doing it once; nothing is forced besides what was planned as taken over; nothing is deleted that the design has not
created. A cluster that does not answer is waited for until the operation's deadline.

Adapters subclass it where a mesh says more than Kubernetes does: `verdict` tells when an object has been taken,
`control_planes` what tells of its proxies, `order` which of its kinds build on others.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from meshwright.core import ending
from meshwright.core.kit.distribution import ControlPlanes, Waiting, remembered
from meshwright.core.kit.kubernetes import errors, objects
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.core.kit.kubernetes.target import bodies, occupants, ordering, ownership, planning, readiness, reading
from meshwright.core.kit.kubernetes.target.expected import ExpectedCluster
from meshwright.core.kit.kubernetes.target.planning import Before, Checkpoint
from meshwright.core.kit.target import Attempt, Draft, DryRun, Scope, Target
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.designs import ProxiesTaken
from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef

T = TypeVar("T")
_FIRST_LOOK = 0.2
_LONGEST_LOOK = 2.0
_REPLACEMENTS = 10
_SERVED = 30.0


class KubernetesTarget(Target):
    """Where the resources of one mesh in Kubernetes live."""

    ready_within = 300.0
    """seconds that objects may take until they are ready"""
    gone_within = 60.0
    """seconds that are waited for finalizers before they are told and left to themselves"""
    proxies_within = 30.0
    """seconds that proxies may take until they have taken what was applied"""
    undo_timeout = 600.0

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self._expected = ExpectedCluster(scope)

    def expect(self, identity: str) -> None:
        """From now on work in the cluster of this identity alone; empty: in any."""
        self._expected.expect(identity)

    async def cluster(self) -> Cluster:
        """The client of the mesh's cluster, as its connection is now or was a second ago.

        Raises Replaced, Reject, BusUnavailable, and where a cluster is expected KubernetesError.
        """
        return await self._expected.get()

    def verdict(self, body: Body) -> readiness.Verdict:
        """Whether an object has become what it asks for; here what its own status says."""
        return readiness.verdict(body)

    def control_planes(self) -> ControlPlanes | None:
        """What tells of the mesh's proxies; None: nothing does."""
        return None

    def order(self, ref: ResourceRef) -> int:
        """The place of an object among the mesh's own kinds, of which one may build on another; here none does."""
        return 0

    async def read(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, Body]:
        """What is there now of these objects, without noise and secrets."""
        present = await reading.there(await self.cluster(), refs)
        return {ref: bodies.shown(body) for ref, body in present.items()}

    async def watch(self, refs: Collection[ResourceRef]) -> AsyncGenerator[set[ResourceRef], None]:
        """Which of these objects change from now on, more than in their status; until cancelled, also over outages.

        Each kind in a namespace is watched once for all targets of this process. Raises Reject, BusUnavailable.
        """
        wanted, places = set(refs), {(ref.group, ref.kind, ref.namespace) for ref in refs}
        while True:
            self._expected.ask_again()
            cluster = await self.cluster()
            with suppress(errors.Closed):  # the connection has other settings now
                async with cluster.shared.follow_all(places) as follower:
                    while True:
                        if changed := wanted & await follower.changed():
                            yield changed
            yield wanted  # nobody looked for a moment

    async def dry_run(self, draft: Draft, *, reserve: bool = False) -> DryRun:
        """What applying would do, as the API server says."""
        cluster, planes = await self.cluster(), self.control_planes()
        namespace = (draft.design.namespace if draft.design else "") or cluster.namespace
        asked = asyncio.ensure_future(remembered(planes)) if reserve and planes else None
        try:
            plan = await planning.Planner(cluster, draft, namespace).plan()
            before = await asked if asked and plan.changes else None
        finally:
            if asked:
                await ending.end(asked)
        if before is None:
            return plan
        return msgspec.structs.replace(plan, checkpoint={**plan.checkpoint, "proxies": msgspec.to_builtins(before)})

    async def apply(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Create and update, phase by phase; definitions are waited for."""
        plan, manager = self._plan(checkpoint), self._manager(draft)
        wanted = {objects.reference_of(body): body for body in plan.wanted}
        await attempt.confirm()
        for phase in self._phases(wanted):

            async def one(ref: ResourceRef) -> None:
                await self._put(wanted[ref], manager, attempt, force=plan.take_over)

            await ordering.every(phase, one)
            await self._until_usable(phase, attempt)

    async def wait(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Return when every object has become what it asks for."""
        await self._until_ready([objects.reference_of(body) for body in self._plan(checkpoint).wanted], attempt)

    async def taken(
        self, draft: Draft, refs: Collection[ResourceRef], checkpoint: Any, attempt: Attempt
    ) -> ProxiesTaken | None:
        """Wait until the proxies have taken it, where the mesh's control planes tell of them."""
        before, planes = self._plan(checkpoint).proxies, self.control_planes()
        if before is None or planes is None:
            return None
        present = await self._look(list(refs), attempt)
        versions = {ref: str(objects.at(present.get(ref), "metadata", "resourceVersion") or "") for ref in refs}
        return await Waiting(planes, before, versions, attempt).taken(self.proxies_within)

    async def revert(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Take back what `apply` did, last phase first: what was not there goes, the rest is as it was."""
        plan, manager = self._plan(checkpoint), self._manager(draft)
        refs = [objects.reference_of(body) for body in plan.wanted]

        async def one(ref: ResourceRef) -> None:
            before = plan.of(ref)
            if before.uid:
                await self._patiently(lambda cluster: _put_back(cluster, before, manager), attempt)
            else:
                await self._remove(ref, before, manager, refs, attempt)

        for phase in self._phases(refs, reverse=True):
            await ordering.every(phase, one)
            await self._until_gone([ref for ref in phase if not plan.of(ref).uid], manager, attempt)

    async def prune(self, draft: Draft, refs: list[ResourceRef], checkpoint: Any, attempt: Attempt) -> None:
        """Delete what the design has created, and take its fields back from the rest; last phase first."""
        plan, manager = self._plan(checkpoint), self._manager(draft)
        await attempt.confirm()
        for phase in self._phases(refs, reverse=True):

            async def one(ref: ResourceRef) -> None:
                await self._remove(ref, plan.of(ref), manager, refs, attempt)

            await ordering.every(phase, one)
            await self._until_gone(phase, manager, attempt)

    async def restore(self, draft: Draft, refs: list[ResourceRef], checkpoint: Any, attempt: Attempt) -> None:
        """Take back what `prune` did: what was deleted is made anew, once it is gone."""
        plan, manager = self._plan(checkpoint), self._manager(draft)
        had = {ref: ours for ref in refs if (ours := plan.of(ref).ours) is not None}
        await self._until_gone([ref for ref in had if await self._is_leaving(ref, attempt)], manager, attempt)
        for phase in self._phases(had):

            async def one(ref: ResourceRef) -> None:
                await self._put(had[ref], manager, attempt, force=True)

            await ordering.every(phase, one)
            await self._until_usable(phase, attempt)

    def _phases(self, refs: Collection[ResourceRef], *, reverse: bool = False) -> list[list[ResourceRef]]:
        return ordering.phases(refs, reverse=reverse, order=self.order)

    def _plan(self, checkpoint: Any) -> Checkpoint:
        """What was planned, for the cluster in which it was."""
        plan = planning.decoded(checkpoint)
        self.expect(plan.cluster)
        return plan

    def _manager(self, draft: Draft) -> str:
        return ownership.manager_of(draft.mesh, draft.owner)

    async def _put(self, body: Body, manager: str, attempt: Attempt, *, force: bool) -> None:
        async def put(cluster: Cluster) -> None:
            try:
                await cluster.apply(body, owner=manager, force=force)
            except errors.NotFound as error:
                if await _is_role_new(cluster, body):
                    raise errors.Unavailable(
                        "the role of a binding is not known yet", error.status, after=0.2
                    ) from error
                raise

        await self._patiently(put, attempt)

    async def _remove(
        self, ref: ResourceRef, before: Before, manager: str, own: Collection[ResourceRef], attempt: Attempt
    ) -> None:
        async def remove(cluster: Cluster) -> str:
            live = await cluster.find(ref)
            if live is None or objects.at(live, "metadata", "deletionTimestamp"):
                return ""
            fate, uid = ownership.fate(live, manager), str(objects.at(live, "metadata", "uid"))
            if fate == "leave" or before.uid not in ("", uid):
                return f"{ref} is left as it is: it is not this design's any more"
            if fate == "delete" and (others := await occupants.of(cluster, ref, live, own)):
                return f"{ref} stays, because of what others made in it: {', '.join(map(str, others))}"
            if fate == "release":
                return await _release(cluster, ref, live, manager)
            await cluster.delete(ref, uid=uid)
            return ""

        if problem := await self._patiently(remove, attempt):
            await attempt.progress(problem)

    async def _is_leaving(self, ref: ResourceRef, attempt: Attempt) -> bool:
        live = await self._patiently(lambda cluster: cluster.find(ref), attempt)
        return live is not None and bool(objects.at(live, "metadata", "deletionTimestamp"))

    async def _until_gone(self, refs: list[ResourceRef], manager: str, attempt: Attempt) -> None:
        """Wait for what was deleted; what a finalizer holds for too long is told, and goes when that ends."""
        end, pause, left = asyncio.get_running_loop().time() + self.gone_within, _FIRST_LOOK, refs
        while left:
            present = await self._look(left, attempt)
            leaving = {ref: body for ref, body in present.items() if objects.at(body, "metadata", "deletionTimestamp")}
            left = sorted(leaving)
            if left and asyncio.get_running_loop().time() > end:
                for ref, body in leaving.items():
                    await attempt.progress(_held(ref, body))
                return
            if left:
                await attempt.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_LOOK)

    async def _until_ready(self, refs: list[ResourceRef], attempt: Attempt) -> None:
        end, pause, reported = asyncio.get_running_loop().time() + self.ready_within, _FIRST_LOOK, ""
        waiting = dict.fromkeys(refs, "")
        while True:
            present = await self._look(list(waiting), attempt)
            verdicts = {ref: self.verdict(body) for ref, body in present.items()}
            if failed := {ref: each.because for ref, each in verdicts.items() if each.state == "failed"}:
                raise _not_ready(failed, "Its own status says that waiting will not help.")
            waiting = {ref: each.because for ref, each in verdicts.items() if each.state == "waiting"}
            if not waiting:
                return
            if asyncio.get_running_loop().time() > end:
                raise _not_ready(waiting, f"It was waited for {self.ready_within:g} s.")
            reported = await _tell_once(attempt, waiting, reported)
            await attempt.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)

    async def _until_usable(self, phase: list[ResourceRef], attempt: Attempt) -> None:
        """Wait for what the objects of later phases need: namespaces, and definitions until they are served."""
        if ordering.rank(phase[0]) > 1:
            return
        await self._until_ready(phase, attempt)
        for ref in phase:
            if (ref.group, ref.kind) == ordering.DEFINITION:
                await self._patiently(lambda cluster, ref=ref: _until_served(cluster, ref), attempt)  # type: ignore[misc]

    async def _look(self, refs: list[ResourceRef], attempt: Attempt) -> dict[ResourceRef, Body]:
        return await self._patiently(lambda cluster: reading.there(cluster, refs), attempt)

    async def _patiently(self, action: Callable[[Cluster], Awaitable[T]], attempt: Attempt) -> T:
        """Do something as soon as the cluster answers; the operation's deadline and its cancellation end the wait."""
        reported = ""
        while True:
            try:
                return await action(await self.cluster())
            except errors.Away as away:
                self._expected.ask_again()
                if not isinstance(away, errors.Closed) and reported != away.failure.code:
                    reported = away.failure.code
                    await attempt.progress(f"waiting for the cluster: {away.failure.what}")
                await attempt.sleep(away.after)


async def _is_role_new(cluster: Cluster, body: Body) -> bool:
    """Whether a binding was refused for a role that is there: who may not bind all roles waits until RBAC knows it."""
    role = body.get("roleRef")
    if not role:
        return False
    namespace = str(objects.at(body, "metadata", "namespace") or "") if role["kind"] == "Role" else ""
    ref = ResourceRef(group=ordering.RBAC, kind=role["kind"], namespace=namespace, name=role["name"])
    return await cluster.find(ref) is not None


async def _release(cluster: Cluster, ref: ResourceRef, live: Body, manager: str) -> str:
    """Take a design's fields back from an object that stays; why not, where it would not be valid without them."""
    try:
        await cluster.apply(bodies.identity(live), owner=manager)
    except (errors.Invalid, errors.Denied) as error:
        return f"{ref} stays as it is, since others stand for it too: {error.status.message}"
    return ""


async def _until_served(cluster: Cluster, ref: ResourceRef) -> None:
    """A definition is established a moment before its objects can be asked for."""
    spec = (await cluster.get(ref))["spec"]
    for version in spec["versions"]:
        if version.get("served"):
            api = await cluster.discovery.api(spec["group"], spec["names"]["kind"], version["name"], within=_SERVED)
            try:
                await cluster.request("GET", api.path(), query={"limit": "1"})
            except errors.NotFound as error:
                raise errors.Unavailable(f"{ref} is established and not served yet", error.status, after=0.2) from error


async def _put_back(cluster: Cluster, before: Before, manager: str) -> None:
    """An object that was there as it was before: our part of it, or all where others' fields were taken over."""
    live = await cluster.find(before.ref)
    if live is None or objects.at(live, "metadata", "uid") != before.uid:
        return
    if before.whole is not None:
        await _replace(cluster, before.ref, before.whole)
    elif before.ours is not None:
        await cluster.apply(before.ours, owner=manager, force=True)
    else:
        await cluster.apply(bodies.identity(live), owner=manager)


async def _replace(cluster: Cluster, ref: ResourceRef, whole: Body) -> None:
    """Values first, and then who owns them: a replacement makes whoever sends it the owner of what it changes."""
    path = await cluster.path(ref, version=objects.group_of(str(whole["apiVersion"]))[1])
    left, tries = 2, 0
    while left:
        live, tries = await cluster.get(ref), tries + 1
        meta = {**whole["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
        try:
            await cluster.request(
                "PUT", path, query={"fieldManager": ownership.PREFIX}, body={**whole, "metadata": meta}
            )
            left -= 1
        except errors.Conflict:  # somebody was faster
            if tries == _REPLACEMENTS:
                raise


async def _tell_once(attempt: Attempt, waiting: dict[ResourceRef, str], reported: str) -> str:
    ref, because = next(iter(waiting.items()))
    more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
    text = f"waiting for {ref}: {because}{more}"
    if text != reported:
        await attempt.progress(text)
    return text


def _held(ref: ResourceRef, body: Body) -> str:
    finalizers = objects.at(body, "metadata", "finalizers") or objects.at(body, "spec", "finalizers") or []
    holders = ", ".join(map(str, finalizers)) or "nothing that it names"
    return f"{ref} is being deleted and not gone yet: {holders} holds it; it goes when that ends"


def _not_ready(refs: dict[ResourceRef, str], cause: str) -> Reject:
    what = "; ".join(f"{ref}: {because}" for ref, because in list(refs.items())[:10])
    remedy = "Look at the object's own status and events, correct the design or the cluster, then retry."
    details = {"resources": [{"ref": str(ref), "because": because} for ref, because in refs.items()]}
    return Reject(
        Failure(code="MW5017", what=f"not ready: {what}", cause=cause, remedy=remedy, retryable=True, details=details)
    )


__all__ = ["Checkpoint", "KubernetesTarget"]
