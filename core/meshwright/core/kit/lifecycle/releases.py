"""The releases of designs on meshes: which revision is applied, which were before, what each brought.

Invariant: revisions count from 1 per mesh and design and are never used again; at most one release of a design
is `applied`; recording the same operation twice records it once. The newest releases are kept, within bounds.
"""

import datetime

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.kit.runtime import Runtime
from meshwright.schemas.base import Model
from meshwright.schemas.designs import Design, ProxiesTaken, Release, ReleaseChanged, ReleaseState, ReleaseV1
from meshwright.schemas.operations import Command
from meshwright.schemas.references import ResourceRef

BUCKET = "releases"
_KEPT = 20
_MOST_BYTES = 700_000


class ReleaseHistory(Model, frozen=True, kw_only=True):
    """The releases of one design on one mesh, oldest first."""

    last_revision: int = 0
    releases: list[Release] = []
    changed_by: str = ""
    """the operation that recorded or ended a release last"""
    ended: str = ""
    """the release that this operation ended; empty when none was applied"""

    def current(self) -> Release | None:
        """The applied release."""
        return next((each for each in reversed(self.releases) if each.state == "applied"), None)

    def revision(self, number: int) -> Release | None:
        """A release by its revision; None when it never was or is no longer kept."""
        return next((each for each in self.releases if each.revision == number), None)


class Releases:
    """The releases in their bucket. Methods raise bus.BusUnavailable."""

    def __init__(self, bucket: mwbus.Bucket, runtime: Runtime) -> None:
        self._bucket = bucket
        self._runtime = runtime

    async def history(self, workspace: str, mesh: str, design: str) -> ReleaseHistory:
        """All that is known of a design on a mesh."""
        return (await self._read(f"{workspace}.{mesh}.{design}"))[0]

    async def record(
        self,
        command: Command,
        design: Design,
        revision: int,
        inventory: list[ResourceRef],
        proxies: ProxiesTaken | None = None,
    ) -> Release:
        """The design is applied now; what was applied before is superseded, or rolled back by a rollback."""
        former: ReleaseState = "rolled_back" if command.kind == "design.rollback" else "superseded"
        release = Release(
            id=ids.derived("release", command.operation),
            design=design,
            mesh=command.mesh,
            connection=command.connection,
            revision=revision,
            state="applied",
            inventory=inventory,
            operation=command.operation,
            principal=command.principal,
            reason=command.reason,
            applied_at=datetime.datetime.now(datetime.UTC),
            proxies=proxies,
        )
        await self._rewrite(command, design.id, former, release)
        return release

    async def end(self, command: Command, design: str, state: ReleaseState) -> None:
        """The applied release is no longer applied, and nothing takes its place."""
        await self._rewrite(command, design, state, None)

    async def every(self) -> list[tuple[str, Release]]:
        """The applied releases of all designs on all meshes, with their workspaces."""
        current_releases = []
        for key in await self._bucket.keys():
            history, _ = await self._read(key)
            if current := history.current():
                current_releases.append((key.partition(".")[0], current))
        return current_releases

    async def forget(self, workspace: str, mesh: str) -> None:
        """The mesh is gone, and with it the releases of all designs on it."""
        for key in await self._bucket.keys(f"{workspace}.{mesh}."):
            await self._bucket.delete(key)

    async def retract(self, command: Command, design: str) -> None:
        """Take back what `record` or `end` did for this operation."""
        key = f"{command.workspace}.{command.mesh}.{design}"
        history, revision = await self._read(key)
        if history.changed_by != command.operation:
            return
        own = ids.derived("release", command.operation)
        kept = []
        for each in history.releases:
            if each.id == own:
                each = msgspec.structs.replace(each, state="rolled_back")
            elif each.id == history.ended:
                each = msgspec.structs.replace(each, state="applied")
            kept.append(each)
        if kept != history.releases:
            await self._write(key, msgspec.structs.replace(history, releases=kept), revision)
        await self._tell(command, kept, history.ended)

    async def _rewrite(self, command: Command, design: str, former: ReleaseState, new: Release | None) -> None:
        key = f"{command.workspace}.{command.mesh}.{design}"
        history, revision = await self._read(key)
        if history.changed_by == command.operation or (new and history.revision(new.revision)):
            await self._tell(command, history.releases, history.ended)  # an earlier attempt may not have come to it
            return
        current = history.current()
        releases = [
            msgspec.structs.replace(each, state=former) if each.state == "applied" else each
            for each in history.releases
        ]
        changed = ReleaseHistory(
            last_revision=new.revision if new else history.last_revision,
            releases=[*releases, new] if new else releases,
            changed_by=command.operation,
            ended=current.id if current else "",
        )
        await self._write(key, changed, revision)
        await self._tell(command, changed.releases, changed.ended)

    async def _tell(self, command: Command, releases: list[Release], ended: str) -> None:
        """Tell of what an operation changed: the release that it ended and its own."""
        concerned = (ended, ids.derived("release", command.operation))
        for release in releases:
            if release.id in concerned:
                await self._runtime.emit(command.workspace, release.id, ReleaseChanged(release=release))

    async def _read(self, key: str) -> tuple[ReleaseHistory, int]:
        entry = await self._bucket.get(key)
        if entry is None:
            return ReleaseHistory(), 0
        return decode(entry.value), entry.revision

    async def _write(self, key: str, history: ReleaseHistory, revision: int) -> None:
        releases = history.releases[-_KEPT:]
        while len(releases) > 1 and len(msgspec.json.encode(releases)) > _MOST_BYTES:
            releases = releases[1:]
        value = msgspec.json.encode(msgspec.structs.replace(history, releases=releases))
        await (self._bucket.update(key, value, revision) if revision else self._bucket.create(key, value))


class _HistoryV1(ReleaseHistory, frozen=True, kw_only=True):
    releases: list[ReleaseV1] = []  # type: ignore[assignment]  # as it was written once


def decode(value: bytes) -> ReleaseHistory:
    """Read a history, also one that was written before native resources had references.

    Raises msgspec.ValidationError or msgspec.DecodeError.
    """
    try:
        return msgspec.json.decode(value, type=ReleaseHistory)
    except msgspec.ValidationError:
        old = msgspec.json.decode(value, type=_HistoryV1)
    releases = [each.upgraded() for each in old.releases]
    return ReleaseHistory(
        last_revision=old.last_revision, releases=releases, changed_by=old.changed_by, ended=old.ended
    )
