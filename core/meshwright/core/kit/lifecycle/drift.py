"""Whether what releases applied is still there and as it was, and putting it back where a design asks for that.

Invariant: a drift is what applying the release once more would change, so it cannot disagree with a preview. It is told
only after it was seen twice, and never while an operation of the mesh is open: what that does is no drift.
"""

import datetime
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from meshwright.core.bus import Bucket
from meshwright.core.kit.lifecycle import releases
from meshwright.core.kit.lifecycle.planning import Knowledge, Plan, Planner
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.target import Change, Draft, MeshRef, Scope
from meshwright.core.operations.outcomes import Outcome, Reject, Retry
from meshwright.schemas.designs import Release
from meshwright.schemas.drift import Drift, DriftDetected, DriftedResource, DriftResolved
from meshwright.schemas.errors import Failure

BUCKET = "drift"
PRINCIPAL = "meshwright:self-heal"
Idle = Callable[[MeshRef], Awaitable[bool]]


class DriftWatch:
    """Looks at all releases of one adapter. `idle` says whether no operation of a mesh is open. For the host."""

    def __init__(self, adapter: Knowledge, runtime: Runtime, service: object, idle: Idle) -> None:
        self._adapter = adapter
        self._runtime = runtime
        self._service = service
        self._idle = idle
        self._stamps: dict[str, tuple[str, str]] = {}
        self._seen: dict[str, list[DriftedResource]] = {}
        """what was seen at the last look and is not told yet"""

    async def look(self) -> None:
        """Look once at each release that is in force. Raises bus.BusUnavailable."""
        books = releases.Releases(await self._runtime.bucket(releases.BUCKET), self._runtime)
        bucket = await self._runtime.bucket(BUCKET)
        known = {key: await _told(bucket, key) for key in await bucket.keys()}
        there: set[str] = set()
        for workspace, release in await books.every():
            key = f"{workspace}.{release.id}"
            there.add(key)
            mesh = MeshRef(workspace=workspace, connection=release.connection, mesh=release.mesh)
            await self._look_at(key, release, mesh, books, bucket)
        for key, drift in known.items():
            if key not in there and drift is not None:
                await self._resolve(key, drift, bucket, "replaced")

    async def _look_at(
        self, key: str, release: Release, mesh: MeshRef, books: releases.Releases, bucket: Bucket
    ) -> None:
        if not await self._idle(mesh):
            return
        target = self._adapter.target_of(Scope(self._runtime, self._service, mesh))
        stamp = await target.stamp()
        before = await _told(bucket, key)
        if stamp and self._stamps.get(key) == (stamp, release.id) and key not in self._seen and before is None:
            return
        planner = Planner(self._adapter, target, books)
        try:
            plan = await planner.dry(_draft(release, mesh))
        except Outcome:
            return  # there is no such mesh any more, or it cannot be read now
        drifted = [_drifted(each) for each in plan.dry_run.changes if each.before != each.after]
        if not await self._idle(mesh):
            return
        self._stamps[key] = (stamp, release.id)
        if not drifted:
            self._seen.pop(key, None)
            if before is not None:
                await self._resolve(key, before, bucket, "reverted")
        elif before is None or before.resources != drifted:
            if self._seen.get(key) == drifted:
                del self._seen[key]
                await self._detect(key, _drift(release, drifted), bucket)
            else:
                self._seen[key] = drifted
        elif release.design.self_heal:
            await self._heal(key, before, planner, mesh, bucket)

    async def _detect(self, key: str, drift: Drift, bucket: Bucket) -> None:
        await self._runtime.emit(key.partition(".")[0], drift.id, DriftDetected(drift=drift))
        await bucket.put(key, msgspec.json.encode(drift))

    async def _resolve(self, key: str, drift: Drift, bucket: Bucket, how: Any) -> None:
        principal = PRINCIPAL if how == "healed" else ""
        over = DriftResolved(id=drift.id, design=drift.design, mesh=drift.mesh, how=how, principal=principal)
        await self._runtime.emit(key.partition(".")[0], drift.id, over)
        await bucket.delete(key)

    async def _heal(self, key: str, drift: Drift, planner: Planner, mesh: MeshRef, bucket: Bucket) -> None:
        """Apply the release in place. An operation that begins meanwhile goes before it."""
        history = await planner.releases.history(mesh.workspace, mesh.mesh, drift.design)
        release, attempt = history.current(), _Healing(self._idle, mesh)
        if release is None or release.id != drift.id:
            return
        plan: Plan = await planner.dry(_draft(release, mesh), reserve=True)
        target, checkpoint = planner.target, plan.dry_run.checkpoint
        try:
            plan.check()
            await attempt.confirm()
            await target.apply(plan.draft, checkpoint, attempt)
            await target.wait(plan.draft, checkpoint, attempt)
            await target.tell(plan.draft, checkpoint, attempt)
        except Outcome:
            return  # it stays a drift that everybody sees, and is tried again
        await self._resolve(key, drift, bucket, "healed")


class _Healing:
    """The attempt of nobody's operation: it gives way to any that is open."""

    def __init__(self, idle: Idle, mesh: MeshRef) -> None:
        self._idle = idle
        self._mesh = mesh

    async def progress(self, message: str, percent: float | None = None) -> None:
        """Nobody follows it."""

    async def confirm(self) -> None:
        """Raises Retry when an operation of the mesh is open."""
        if not await self._idle(self._mesh):
            raise Retry(1.0, Failure(code="MW2015", what=f"an operation of the mesh {self._mesh.mesh} goes first"))

    async def sleep(self, seconds: float) -> None:
        """Wait no longer than needed: a look comes again."""
        raise Reject(Failure(code="MW2016", what="self-healing does not wait"))


def _draft(release: Release, mesh: MeshRef) -> Draft:
    return Draft(
        mesh=mesh,
        owner=release.design.id,
        operation=release.operation,
        revision=release.revision,
        design=release.design,
        former=release.inventory,
    )


def _drifted(change: Change) -> DriftedResource:
    kind = "missing" if change.before is None else "extra" if change.after is None else "changed"
    return msgspec.convert({"ref": change.ref, "change": kind}, DriftedResource, from_attributes=True)


def _drift(release: Release, resources: list[DriftedResource]) -> Drift:
    return Drift(
        id=release.id,
        design=release.design.id,
        mesh=release.mesh,
        connection=release.connection,
        revision=release.revision,
        resources=resources,
        detected_at=datetime.datetime.now(datetime.UTC),
    )


async def _told(bucket: Bucket, key: str) -> Drift | None:
    entry = await bucket.get(key)
    return msgspec.json.decode(entry.value, type=Drift) if entry else None
