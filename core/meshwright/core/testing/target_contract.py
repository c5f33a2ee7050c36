"""The contract of targets: the tests that every target must pass, wherever its resources are stored.

Use: subclass `TargetContract`, give a `target` of an empty mesh and two resources in its own terms. Invariant of the
suite: it reads the mesh through `read` alone, and runs every effect twice.
"""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from meshwright.core import kit
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Resource


class Quiet:
    """An attempt without an operation."""

    async def progress(self, message: str, percent: float | None = None) -> None:
        """Ignore it."""

    async def confirm(self) -> None:
        """Do nothing: no other worker exists."""

    async def sleep(self, seconds: float) -> None:
        """Wait; it cannot be cancelled."""
        await asyncio.sleep(seconds)


ATTEMPT = Quiet()


class TargetContract:
    """Subclass it; pytest runs the inherited tests against your target."""

    @pytest.fixture
    async def target(self) -> kit.Target:
        """A target of an existing mesh without resources of any design."""
        raise NotImplementedError

    def design(self, revision: int) -> Design:
        """The first or second revision of one design; the second changes the resources of the first, and keeps their
        names.
        """
        raise NotImplementedError

    def resources(self, revision: int) -> list[Resource]:
        """The translated resources of that revision; may be empty where the target makes them by itself."""
        return []

    def draft(self, target: kit.Target, revision: int, former: kit.DryRun | None = None) -> kit.Draft:
        """The draft of a revision as the kit builds it; 0 is the removal."""
        return kit.Draft(
            mesh=target.mesh,
            owner="contract",
            operation=f"operation-{revision}",
            revision=revision,
            design=self.design(revision) if revision else None,
            resources=self.resources(revision) if revision else [],
            former=former.inventory if former else [],
        )

    async def apply(self, target: kit.Target, revision: int, former: kit.DryRun | None = None) -> kit.DryRun:
        """Apply a revision completely, each effect twice."""
        draft = self.draft(target, revision, former)
        dry_run = await target.dry_run(draft, reserve=True)
        assert dry_run.problems == []
        for _ in range(2):
            await target.apply(draft, dry_run.checkpoint, ATTEMPT)
            await target.wait(draft, dry_run.checkpoint, ATTEMPT)
        for _ in range(2):
            await target.prune(draft, draft.gone(dry_run.inventory), dry_run.checkpoint, ATTEMPT)
        await target.tell(draft, dry_run.checkpoint, ATTEMPT)
        return dry_run

    async def state(self, target: kit.Target, *runs: kit.DryRun) -> Any:
        """The present state of all resources that these runs applied."""
        refs = {each.ref for run in runs for each in run.changes} | {ref for run in runs for ref in run.inventory}
        return dict(await target.read(sorted(refs)))

    async def test_a_dry_run_changes_nothing_and_tells_what_applying_does(self, target: kit.Target) -> None:
        """Repeated, it returns the same; afterwards the mesh is as it said, and it shows no more differences."""
        draft = self.draft(target, 1)
        dry_run = await target.dry_run(draft)
        before = await self.state(target, dry_run)
        assert (await target.dry_run(draft)).changes == dry_run.changes != []
        assert await self.state(target, dry_run) == before
        assert before == {each.ref: each.before for each in dry_run.changes if each.before is not None}
        await self.apply(target, 1)
        after = await self.state(target, dry_run)
        assert {each.ref: after.get(each.ref) for each in dry_run.changes} == {
            each.ref: each.after for each in dry_run.changes
        }
        assert set(dry_run.inventory) <= set(after)
        assert (await target.dry_run(draft)).changes == []

    async def test_what_was_applied_can_be_taken_back(self, target: kit.Target) -> None:
        """After a revert, also one before applying and a repeated one, the mesh is as before; only the checkpoint is
        needed.
        """
        first = await self.apply(target, 1)
        draft = self.draft(target, 2, first)
        dry_run = await target.dry_run(draft, reserve=True)
        before = await self.state(target, first, dry_run)
        await target.revert(draft, dry_run.checkpoint, ATTEMPT)
        assert await self.state(target, first, dry_run) == before
        await target.apply(draft, dry_run.checkpoint, ATTEMPT)
        assert await self.state(target, first, dry_run) != before
        for _ in range(2):
            await target.revert(draft, dry_run.checkpoint, ATTEMPT)
            assert await self.state(target, first, dry_run) == before

    async def test_a_removal_leaves_nothing_and_can_be_taken_back(self, target: kit.Target) -> None:
        """After a removal the mesh is as before the first revision; after restore and revert it is as before the
        removal.
        """
        dry_run = await target.dry_run(self.draft(target, 1))
        empty = await self.state(target, dry_run)
        first = await self.apply(target, 1)
        full = await self.state(target, dry_run, first)
        removed = await self.apply(target, 0, first)
        assert await self.state(target, dry_run) == empty
        draft = self.draft(target, 0, first)
        for _ in range(2):
            await target.restore(draft, draft.gone(removed.inventory), removed.checkpoint, ATTEMPT)
            await target.revert(draft, removed.checkpoint, ATTEMPT)
        assert await self.state(target, dry_run, first) == full

    async def test_a_watch_sees_a_change(self, target: kit.Target) -> None:
        """A watch on the resources of a revision yields the references that the next revision changes."""
        first = last = await self.apply(target, 1)
        async with asyncio.timeout(60), aclosing(target.watch(first.inventory)) as changes:
            waiting = asyncio.ensure_future(anext(changes))
            revision = 1
            while not waiting.done():  # the first change may come before the watch has begun
                revision = 3 - revision
                last = await self.apply(target, revision, last)
                await asyncio.wait({waiting}, timeout=10)
            assert set() < waiting.result() <= set(first.inventory)

    async def test_nothing_is_lost_of_what_the_mesh_has_taken(self, target: kit.Target) -> None:
        """Once a revision is in force its proxies hold all of it."""
        first = await self.apply(target, 1)
        assert await target.lost(first.inventory) == {}
