"""Bringing entries from what they are to what they shall be, although the control plane checks each by itself.

Problem: entries build on each other, and each must be valid at every moment. Invariant: what others build on is written
first and removed last; one on which the old as well as the new ones build is both in between. An entry is written only
if it is as it was planned, or what this very operation has made of it.
"""

from collections.abc import Awaitable, Callable, Mapping

from meshwright.core.kit.http_control_plane import failures
from meshwright.core.kit.http_control_plane.entries import Entries, Entry, Marked
from meshwright.core.kit.http_control_plane.planning import Goal
from meshwright.schemas.references import ResourceRef

Allowed = Callable[[ResourceRef, Entry | None], bool]
_TRIES = 3


class Mover:
    """Moves entries; `allowed` says whether one may be written as it is now."""

    def __init__(self, entries: Entries, allowed: Allowed, refused: Callable[[ResourceRef], Awaitable[None]]) -> None:
        self._entries = entries
        self._allowed = allowed
        self._refused = refused

    async def move(self, goals: Mapping[ResourceRef, Goal], *, keep_between: bool = False) -> None:
        """Reach all goals; `keep_between` leaves what others may still build on at what it is in between."""
        now = await self._entries.read(goals.keys())
        between = {ref: each for ref, goal in goals.items() if (each := self._between(ref, now.get(ref), goal))}
        ordered = sorted(goals, key=lambda ref: (self._entries.rank(ref), ref))
        written = [ref for ref in ordered if goals[ref] is not None]
        for ref in written:
            await self._reach(ref, between.get(ref, goals[ref]))
        for ref in reversed(ordered):
            if goals[ref] is None:
                await self._reach(ref, None)
        if not keep_between:
            for ref in (each for each in written if each in between):
                await self._reach(ref, goals[ref])

    def _between(self, ref: ResourceRef, now: Entry | None, goal: Goal) -> Marked | None:
        if now is None or goal is None or now.body == goal.body:
            return None
        body = self._entries.between(ref, now.body, goal.body)
        marks = goal if goal.owners else now  # what goes back to others is a design's until it is theirs
        return None if body is None else Marked(body=body, owners=marks.owners, former=marks.former)

    async def _reach(self, ref: ResourceRef, goal: Goal) -> None:
        for _ in range(_TRIES):
            now = (await self._entries.read([ref])).get(ref)
            if now is None and goal is None:
                return
            if now is not None and goal is not None and now.same(goal):
                return
            if not self._allowed(ref, now):
                await self._refused(ref)
                return
            version = now.version if now else ""
            if goal is None:
                done = await self._entries.remove(ref, version)
            else:
                done = await self._entries.write(ref, goal, version)
            if done:
                return
        raise failures.busy(ref)
