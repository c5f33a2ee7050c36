"""Whether what releases applied is still there and as it was, and putting it back where a design asks for that.

Invariant: a drift is what applying the release once more would change, so it cannot disagree with a preview, and what
proxies do not hold of it. It is published only when it lasts, and never while an operation of the mesh is
open: what that does is no drift. A release is looked at when its target's watch tells of a change, and now and then.
"""

import asyncio
import datetime
import logging
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from meshwright.core import ending
from meshwright.core.bus import Bucket, BusError
from meshwright.core.kit.lifecycle import differing, releases
from meshwright.core.kit.lifecycle.planning import Knowledge, Plan, Planner
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.target import Change, Draft, MeshRef, Scope, Target
from meshwright.core.operations.outcomes import Outcome, Reject, Retry
from meshwright.schemas.designs import Release
from meshwright.schemas.drift import Drift, DriftDetected, DriftedResource, DriftResolved
from meshwright.schemas.errors import Failure

BUCKET = "drift"
PRINCIPAL = "meshwright:self-heal"
Idle = Callable[[MeshRef], Awaitable[bool]]
_LOOK_ANYWAY_S = 300.0
"""after so long a release is looked at although its watch tells of no change"""
_WATCH_AGAIN_S = 5.0
log = logging.getLogger(__name__)


class _Follower:
    """The watch of one release. `may_differ` is set at first, and whenever the target reports a change."""

    def __init__(self, target: Target, release: Release, wake: asyncio.Event) -> None:
        self.release = release.id
        self.may_differ = True
        self.looked_at = 0.0
        self._wake = wake
        self._task = asyncio.create_task(self._follow(target, release), name=f"watch-{release.id}")

    @property
    def due(self) -> bool:
        """Whether it is to be looked at."""
        return self.may_differ or time.monotonic() - self.looked_at > _LOOK_ANYWAY_S

    def looked(self) -> None:
        """It was looked at; from now on changes count again."""
        self.may_differ, self.looked_at = False, time.monotonic()

    async def close(self) -> None:
        """End the watch."""
        await ending.end(self._task)

    async def _follow(self, target: Target, release: Release) -> None:
        while True:
            try:
                async for _ in target.watch(release.inventory):
                    self._changed()
            except (Outcome, BusError) as error:
                log.debug("release %s is not watched for now: %s", release.id, error)
            except Exception:
                log.exception("watching release %s failed", release.id)  # a defect of an adapter ends no worker
            await asyncio.sleep(_WATCH_AGAIN_S)
            self._changed()  # something may have happened meanwhile

    def _changed(self) -> None:
        self.may_differ = True
        self._wake.set()


class DriftWatch:
    """Looks at all releases of one adapter. `idle` says whether no operation of a mesh is open. For the host.

    A difference is drift when it is there `every` seconds after it was seen first. Use as
    `async with DriftWatch(…) as watch:` and call `look` again and again.
    """

    def __init__(self, adapter: Knowledge, runtime: Runtime, service: object, idle: Idle, every: float) -> None:
        self._adapter = adapter
        self._runtime = runtime
        self._service = service
        self._idle = idle
        self._every = every
        self._followers: dict[str, _Follower] = {}
        self._wake = asyncio.Event()
        self._seen: dict[str, tuple[list[DriftedResource], float]] = {}
        """what was seen and is not published yet, and since when it is so"""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for follower in self._followers.values():
            await follower.close()

    async def until_due(self) -> None:
        """Wait until a target reports a change, at most `every` seconds."""
        try:
            async with asyncio.timeout(self._every):
                await self._wake.wait()
        except TimeoutError:
            return

    async def look(self) -> None:
        """Look once at each release that is in force. Raises bus.BusUnavailable."""
        self._wake.clear()
        books = releases.Releases(await self._runtime.bucket(releases.BUCKET), self._runtime)
        bucket = await self._runtime.bucket(BUCKET)
        known = {key: await _told(bucket, key) for key in await bucket.keys()}
        there: set[str] = set()
        for workspace, release in await books.every():
            key = f"{workspace}.{release.id}"
            there.add(key)
            mesh = MeshRef(workspace=workspace, connection=release.connection, mesh=release.mesh)
            await self._look_at(key, release, mesh, books, bucket)
        for key in self._followers.keys() - there:
            await self._followers.pop(key).close()
        for key, drift in known.items():
            if key not in there and drift is not None:
                await self._resolve(key, drift, bucket, "replaced")

    async def _look_at(
        self, key: str, release: Release, mesh: MeshRef, books: releases.Releases, bucket: Bucket
    ) -> None:
        if not await self._idle(mesh):
            return
        target = self._adapter.target_of(Scope(self._runtime, self._service, mesh))
        follower = await self._follower(key, release, target)
        before = await _told(bucket, key)
        if not follower.due and key not in self._seen and before is None:
            return
        planner = Planner(self._adapter, target, books)
        follower.looked()
        try:
            drifted = await _differences(planner, release, mesh)
        except Outcome:
            return  # there is no such mesh any more, or it cannot be read now
        if not await self._idle(mesh):
            follower.may_differ = True
            return
        await self._judge(key, release, drifted, before, bucket)
        if before is not None and before.resources == drifted and release.design.self_heal:
            await self._heal(key, before, planner, mesh, bucket)

    async def _judge(
        self, key: str, release: Release, drifted: list[DriftedResource], before: Drift | None, bucket: Bucket
    ) -> None:
        """Publish what has begun to differ and lasts, and what is over."""
        if not drifted:
            self._seen.pop(key, None)
            if before is not None:
                await self._resolve(key, before, bucket, "reverted")
        elif before is None or before.resources != drifted:
            seen, since = self._seen.get(key, ([], 0.0))
            if seen != drifted:
                self._seen[key] = drifted, time.monotonic()
            elif time.monotonic() - since >= self._every:
                del self._seen[key]
                await self._detect(key, _drift(release, drifted), bucket)

    async def _follower(self, key: str, release: Release, target: Target) -> _Follower:
        known = self._followers.get(key)
        if known is None or known.release != release.id:
            if known is not None:
                await known.close()
            known = self._followers[key] = _Follower(target, release, self._wake)
        return known

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
        draft = msgspec.structs.replace(_draft(release, mesh), take_over=True)  # whoever has changed it owns that now
        plan: Plan = await planner.dry(draft, reserve=True)
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


async def _differences(planner: Planner, release: Release, mesh: MeshRef) -> list[DriftedResource]:
    """What applying the release once more would change, and what proxies do not hold of it. Raises Outcome."""
    plan = await planner.dry(_draft(release, mesh))
    drifted = [_drifted(each) for each in plan.dry_run.changes if each.before != each.after]
    known = {each.ref for each in drifted}
    lost = await planner.target.lost(release.inventory)
    return drifted + [
        DriftedResource(ref=ref, change="missing", proxies=lost[ref]) for ref in sorted(lost) if ref not in known
    ]


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
    if change.before is None:
        return DriftedResource(ref=change.ref, change="missing")
    if change.after is None:
        return DriftedResource(ref=change.ref, change="extra")
    named, more = differing.fields(wanted=change.after, there=change.before)
    return DriftedResource(ref=change.ref, change="changed", fields=named, more_fields=more)


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
