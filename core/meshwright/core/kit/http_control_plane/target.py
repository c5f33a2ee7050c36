"""The target of a mesh whose control plane keeps its configuration behind HTTP.

Problem: such a server knows no dry run and no field managers, and others write to it too. Invariant: every write is
compare-and-swap against what was planned; another's change is never overwritten, an entry of somebody else is taken
only when that was asked for, and one that was somebody else's before stays when the design goes.
"""

import abc
from collections.abc import Collection, Mapping
from typing import Any

from meshwright.core.kit.http_control_plane import failures, planning
from meshwright.core.kit.http_control_plane.entries import Body, Entries, Entry, Marked
from meshwright.core.kit.http_control_plane.moving import Mover
from meshwright.core.kit.http_control_plane.ownership import Owner
from meshwright.core.kit.http_control_plane.planning import Goal
from meshwright.core.kit.target import Attempt, Draft, DryRun, Target
from meshwright.schemas.references import ResourceRef


class ControlPlaneTarget(Target):
    """Where the entries of one mesh live; an adapter gives `entries`."""

    undo_timeout = 120.0

    @abc.abstractmethod
    async def entries(self) -> Entries:
        """Those of the mesh's control plane, as its connection is now. Raises Outcome, BusUnavailable."""

    async def read(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, Body]:
        """What is there now of these entries, without marks."""
        present = await (await self.entries()).read(refs)
        return {ref: each.body for ref, each in present.items()}

    async def dry_run(self, draft: Draft, *, reserve: bool = False) -> DryRun:
        """What would be different afterwards, worked out here."""
        return await planning.plan(await self.entries(), draft)

    async def apply(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Write what the draft wants; what entries that go later still build on stays possible until then."""
        await attempt.confirm()
        entries, before, owner = await self.entries(), planning.checkpoint_of(checkpoint).entries(), Owner.of(draft)
        goals = _wishes(entries, draft, before)
        going = bool(draft.gone(list(goals)))
        mover = _mover(before, goals, _wide(entries, before, goals), entries, owner)
        await mover.move(goals, keep_between=going)

    async def revert(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Put back what `apply` has changed; what somebody else has changed since stays theirs."""
        entries, before, owner = await self.entries(), planning.checkpoint_of(checkpoint).entries(), Owner.of(draft)
        now = await entries.read(planning.wishes(entries, draft).keys())
        goals = {ref: _as_before(before.get(ref), each, owner) for ref, each in now.items()}

        async def leave(ref: ResourceRef) -> None:
            await attempt.progress(f"{ref} is left as it is: somebody else has changed it meanwhile")

        await Mover(entries, lambda _, each: each is None or owner in each.owners, leave).move(goals)

    async def wait(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Return at once: what the control plane has agreed on it serves. Override where a mesh can say more."""

    async def prune(self, draft: Draft, refs: list[ResourceRef], checkpoint: Any, attempt: Attempt) -> None:
        """Remove what the design has created and does not want any more, and finish what was waiting for that."""
        await attempt.confirm()
        entries, before, owner = await self.entries(), planning.checkpoint_of(checkpoint).entries(), Owner.of(draft)
        goals: dict[ResourceRef, Goal] = {}
        for ref, each in (await entries.read(refs)).items():
            if owner not in each.owners:
                await attempt.progress(f"{ref} is left as it is: it is not this design's any more")
                continue
            goals[ref] = planning.removal(each, owner)
            if goals[ref] is not None:
                await attempt.progress(f"{ref} stays: others stand for it, or had made it before")
        wished = _wishes(entries, draft, before)
        now = await entries.read(wished.keys())
        wide = _wide(entries, before, wished)
        unfinished = {ref: wished[ref] for ref, each in wide.items() if ref in now and now[ref].same(each)}
        await _mover(before, wished, wide, entries, owner).move({**unfinished, **goals})

    async def restore(self, draft: Draft, refs: list[ResourceRef], checkpoint: Any, attempt: Attempt) -> None:
        """Write again what `prune` has removed, on what it can build on."""
        entries, before, owner = await self.entries(), planning.checkpoint_of(checkpoint).entries(), Owner.of(draft)
        goals = {ref: before[ref] for ref in refs if ref in before and owner in before[ref].owners}
        if not goals:
            return
        wished = _wishes(entries, draft, before)
        wide = _wide(entries, before, wished)
        await _mover(before, wished, wide, entries, owner).move(wide)

        async def leave(ref: ResourceRef) -> None:
            await attempt.progress(f"{ref} is left as it is: somebody else has made it meanwhile")

        mover = Mover(entries, lambda ref, each: each is None or each.body == goals[ref].body, leave)
        await mover.move({ref: each.as_written() for ref, each in goals.items()})


def _wishes(entries: Entries, draft: Draft, before: Mapping[ResourceRef, Entry]) -> dict[ResourceRef, Marked]:
    owner = Owner.of(draft)
    wanted = planning.wishes(entries, draft)
    return {ref: planning.wish(before.get(ref), body, owner) for ref, body in wanted.items()}


def _wide(
    entries: Entries, before: Mapping[ResourceRef, Entry], wished: Mapping[ResourceRef, Marked]
) -> dict[ResourceRef, Marked]:
    """What entries are while those that build on them change, where either will not do."""
    wide = {}
    for ref, goal in wished.items():
        body = entries.between(ref, before[ref].body, goal.body) if ref in before else None
        if body is not None:
            wide[ref] = Marked(body=body, owners=goal.owners, former=goal.former)
    return wide


def _as_before(was: Entry | None, now: Entry, owner: Owner) -> Goal:
    """What an entry was; one that was not there goes, unless another design stands for it by now."""
    return was.as_written() if was else planning.removal(now, owner)


def _mover(
    before: Mapping[ResourceRef, Entry],
    wished: Mapping[ResourceRef, Marked],
    wide: Mapping[ResourceRef, Marked],
    entries: Entries,
    owner: Owner,
) -> Mover:
    """Writes entries that are as they were planned, or on the way on which this operation has brought them."""

    def allowed(ref: ResourceRef, now: Entry | None) -> bool:
        was, goal = before.get(ref), wished.get(ref)
        if now is None:
            return was is None
        if was is not None and now.version == was.version:
            return True
        if goal is None:
            return owner in now.owners
        return now.same(goal) or (ref in wide and now.same(wide[ref]))

    async def refused(ref: ResourceRef) -> None:
        raise failures.changed(ref)

    return Mover(entries, allowed, refused)
