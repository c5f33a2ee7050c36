"""The history of a design on a mesh: whatever fails, is repeated or is taken back, it says what is in force."""

import asyncio
import datetime
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.kit.lifecycle.releases import ReleaseHistory, Releases
from meshwright.schemas.designs import Design, Release
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.operations import Command

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
DESIGN = Design(id="d")
KINDS = {"apply": "design.apply", "rollback": "design.rollback", "remove": "design.remove", "undo": "design.rollback"}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["apply", "rollback", "remove", "undo"]),
        st.integers(0, 2),  # how many messages the bus refuses meanwhile
        st.booleans(),  # whether the operation is taken back afterwards
    ),
    max_size=8,
)


def command(kind: str) -> Command:
    """A new operation on the mesh."""
    return Command(
        operation=ids.fresh(), workspace="w", adapter="envoy", connection="c", mesh="m", kind=kind, principal="ann",
        accepted_at=NOW, deadline=NOW,
    )  # fmt: skip


class Story:
    """Operations on one design, each attempted until the bus takes it, beside what should be in force."""

    def __init__(self, bucket: Any, runtime: Any) -> None:
        self.bucket, self.runtime = bucket, runtime
        self.releases = Releases(bucket, runtime)
        self.in_force: int | None = None
        self.last = 0

    async def go(self, what: str, failures: int, taken_back: bool) -> None:
        """One operation, as a worker does it, a crash before each of so many messages included."""
        if what in ("remove", "undo", "rollback") and self.in_force is None:
            return
        asked, before = command(KINDS[what]), self.in_force
        self.runtime.failing = failures
        if what in ("apply", "rollback"):
            self.last += 1
            self.in_force = self.last
            revision = self.last
            await self.until_signalled(lambda: self.releases.record(asked, DESIGN, revision, []))
        else:
            self.in_force = None
            state: Literal["removed", "rolled_back"] = "removed" if what == "remove" else "rolled_back"
            await self.until_signalled(lambda: self.releases.end(asked, "d", state))
        if taken_back:
            self.runtime.failing = failures
            self.in_force = before
            await self.until_signalled(lambda: self.releases.retract(asked, "d"))

    async def until_signalled(self, act: Callable[[], Any]) -> None:
        """Repeat a step until it succeeds."""
        while True:
            try:
                await act()
                return
            except mwbus.BusUnavailable:
                continue

    async def history(self) -> ReleaseHistory:
        """What is kept."""
        return await self.releases.history("w", "m", "d")

    def view(self) -> dict[int, Release]:
        """What people see: the newest word on each release."""
        return {message.release.revision: message.release for _, message in self.runtime.told}


@settings(deadline=None, max_examples=150)
@given(steps=STEPS)
def test_history_and_view_say_what_is_in_force(bucket: Any, runtime: Any, steps: list[Any]) -> None:
    """At most one release is applied, the one in force; every state is told although workers die between writing
    and telling; a revision is never used twice, and what was taken back puts its predecessor in force again."""

    async def live() -> None:
        story = Story(bucket(), runtime())
        for step in steps:
            await story.go(*step)
            history = await story.history()
            applied = [each.revision for each in history.releases if each.state == "applied"]
            assert applied == ([] if story.in_force is None else [story.in_force])
            assert {each.revision: each for each in history.releases} == story.view()
            assert [each.revision for each in history.releases] == list(range(1, story.last + 1))
            assert history.last_revision == story.last

    asyncio.run(live())


async def test_taking_back_what_never_was_changes_nothing(bucket: Any, runtime: Any) -> None:
    """An operation that ended before it could record leaves the history as it is, and tells nothing."""
    story = Story(bucket(), runtime())
    await story.go("apply", 0, False)
    before, told = story.bucket.writes, len(story.runtime.told)
    await story.releases.retract(command("design.apply"), "d")
    await story.releases.retract(command("design.apply"), "other")
    assert (story.bucket.writes, len(story.runtime.told)) == (before, told)


async def test_only_the_newest_are_kept_and_numbers_go_on(bucket: Any, runtime: Any) -> None:
    """Old releases are forgotten by count and by size, the applied one never, and revisions are not used again."""
    story = Story(bucket(), runtime())
    for _ in range(25):
        await story.go("apply", 0, False)
    history = await story.history()
    assert [each.revision for each in history.releases] == list(range(6, 26))
    assert (history.revision(5), history.last_revision) == (None, 25)
    huge = Design(id="d", resources=[NativeResource(type="t", name="n", body={"text": "x" * 500_000})])
    for revision in (26, 27):
        await story.releases.record(command("design.apply"), huge, revision, [])
    history = await story.history()
    assert [(each.revision, each.state) for each in history.releases] == [(27, "applied")]
    assert len(story.bucket.entries["w.m.d"].value) < 1024 * 1024


async def test_a_worker_that_was_overtaken_does_not_overwrite(bucket: Any, runtime: Any) -> None:
    """Of two writers of one history the slower one fails, and what the quicker one wrote stays."""
    story = Story(bucket(), runtime())
    await story.go("apply", 0, False)
    read: mwbus.Entry = story.bucket.entries["w.m.d"]
    await story.releases.record(command("design.apply"), DESIGN, 2, [])
    written = story.bucket.entries["w.m.d"]

    async def earlier(_: str) -> mwbus.Entry:
        return read

    story.bucket.get = earlier
    with pytest.raises(mwbus.Conflict):
        await story.releases.end(command("design.remove"), "d", "removed")
    assert story.bucket.entries["w.m.d"] == written


async def test_a_history_written_before_references_is_read(bucket: Any, runtime: Any) -> None:
    """The releases of a store that an earlier version wrote are all there, and can be rolled back to."""
    story = Story(bucket(), runtime())
    await story.go("apply", 0, False)
    entry = story.bucket.entries["w.m.d"]
    old = json.loads(entry.value)
    old["releases"][0]["inventory"] = ["RouteConfiguration outbound"]
    await story.bucket.update("w.m.d", json.dumps(old).encode(), entry.revision)
    history = await story.history()
    assert [str(each) for each in history.releases[0].inventory] == ["RouteConfiguration outbound"]
    assert history.last_revision == 1
