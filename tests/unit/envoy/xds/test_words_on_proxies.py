"""What proxies say, from the stream to those who wait for it: the newest word, by the right judge, told once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.state.identity import NodeId
from meshwright.adapters.envoy.xds import background, reporter
from meshwright.adapters.envoy.xds.proxy_statuses import ProxyStatuses
from meshwright.adapters.envoy.xds.reporter import Reporter
from meshwright.adapters.envoy.xds.statuses import ABSENT, ProxyStatus, is_answer
from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.workloads import SyncState

NODES = [NodeId("w", mesh, name) for mesh in "mn" for name in "ab"]
STATES: list[SyncState] = ["synced", "stale", "rejected", "disconnected", "not_sent"]
WORDS = st.builds(
    ProxyStatus,
    state=st.sampled_from(STATES),
    state_version=st.sampled_from(["1", "2"]),
    replica=st.sampled_from(["here", "there"]),
)


@settings(max_examples=200)
@given(st.lists(WORDS | st.none(), max_size=10))
def test_a_stream_that_is_here_is_the_judge(words: list[ProxyStatus | None]) -> None:
    """What others recorded never overrides a proxy that is connected here, and always one that is not; a record of
    our own that comes back is no news."""
    told = list[NodeId]()
    board, node, expected, heard = ProxyStatuses("here", told.append), NODES[0], ABSENT, 0
    for word in words:
        if word is None:
            board.forget(node)
            expected = ABSENT
        elif word.replica == "here":
            board.heard_elsewhere(node, word)
            assert board.status(node) == expected
            board.heard_here(node, word)
            expected, heard = word, heard + 1
        else:
            board.heard_elsewhere(node, word)
            if expected.replica != "here" or expected.state == "disconnected":
                expected = word
        assert board.status(node) == expected
        assert told == [node] * heard


def word(state: SyncState, version: str = "2") -> ProxyStatus:
    """What a proxy here says of a desired state."""
    return ProxyStatus(state=state, state_version=version, replica="here")


@pytest.mark.parametrize(
    ("status", "answers"),
    [
        (word("synced"), True),
        (word("rejected"), True),
        (word("stale"), False),
        (word("disconnected"), False),
        (word("synced", "1"), False),
        (ABSENT, False),
    ],
)
def test_an_old_ack_answers_nothing_new(status: ProxyStatus, answers: bool) -> None:
    """Only accepting or rejecting the very state in question is an answer to it."""
    assert is_answer(status, "2") == answers


async def test_waiting_ends_with_the_last_answer() -> None:
    """Several who wait are all let go as soon as every proxy has answered, however the answers come in."""
    board = ProxyStatuses("here", lambda _: None)
    first, second = NODES[:2]
    board.heard_here(first, word("stale"))
    waiting = [asyncio.create_task(board.answers([first, second], "2", 60, 60)) for _ in range(3)]
    board.heard_here(first, word("synced"))
    board.heard_elsewhere(second, ProxyStatus(state="synced", state_version="1", replica="there"))
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    board.heard_elsewhere(second, ProxyStatus(state="rejected", state_version="2", replica="there"))
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*waiting)
    assert [each[second].state for each in answers] == ["rejected"] * 3


async def test_who_is_not_there_is_waited_for_a_little_only() -> None:
    """Patience ends the wait for the absent; for one that is connected and silent the whole time is given."""
    board, loop = ProxyStatuses("here", lambda _: None), asyncio.get_running_loop()
    start = loop.time()
    assert await board.answers([NODES[0]], "2", timeout=60, patience=0.05) == {NODES[0]: ABSENT}
    assert 0.05 <= loop.time() - start < 5
    board.heard_here(NODES[1], word("stale"))
    start = loop.time()
    result = await board.answers(NODES[:2], "2", timeout=0.2, patience=0.01)
    assert {each.state for each in result.values()} == {"stale", "disconnected"}
    assert loop.time() - start >= 0.2
    assert await board.answers([], "2", timeout=60, patience=60) == {}


class World:
    """What was told, and a bus that can be away."""

    def __init__(self) -> None:
        self.words: dict[NodeId, int] = dict.fromkeys(NODES, 0)
        self.told: list[tuple[NodeId, int]] = []
        self.meshes: list[str] = []
        self.under_way: list[NodeId] = []
        self.away = False
        self.reporter = Reporter(self.tell, self.tell_mesh)

    async def tell(self, node: NodeId) -> None:
        """Tell the newest word on a proxy."""
        assert node not in self.under_way
        self.under_way.append(node)
        await asyncio.sleep(0)
        self.under_way.remove(node)
        if self.away:
            raise mwbus.BusUnavailable("away")
        self.told.append((node, self.words[node]))

    async def tell_mesh(self, key: str) -> None:
        """Tell of a mesh."""
        if self.away:
            raise mwbus.BusUnavailable("away")
        self.meshes.append(key)

    def say(self, node: NodeId) -> None:
        """A proxy says something new."""
        self.words[node] += 1
        self.reporter.changed(node)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A reporter at work, in a hurry."""
    monkeypatch.setattr(reporter, "_GATHER_SECONDS", 0.001)
    monkeypatch.setattr(reporter, "_RETRY_SECONDS", 0.001)
    result = World()
    async with background.running(result.reporter.run()):
        yield result


async def test_the_newest_status_is_published_and_bursts_are_one(world: World) -> None:
    """Many words at once are told as the last of them, and each mesh concerned once after its proxies."""
    for _ in range(50):
        for node in NODES[:3]:
            world.say(node)
    await eventually(lambda: sorted(world.meshes) == ["w.m", "w.n"])
    assert sorted(world.told, key=str) == [(node, 50) for node in NODES[:3]]


async def test_nothing_is_lost_while_the_bus_is_away(world: World) -> None:
    """What could not be told is told when the bus is back, as it is then and not as it was."""
    world.away = True
    for _ in range(3):
        for node in NODES:
            world.say(node)
        await eventually(lambda: not world.under_way)
    assert world.told == []
    world.away = False
    await eventually(lambda: set(world.told) == {(node, 3) for node in NODES})
    await eventually(lambda: set(world.meshes) == {"w.m", "w.n"})


async def test_the_last_statuses_are_published_at_the_end() -> None:
    """What is owed when the reporter is ended is still told."""
    world = World()
    async with background.running(world.reporter.run()):
        await asyncio.sleep(0)
        world.say(NODES[0])
    assert world.told == [(NODES[0], 1)]


async def test_a_loop_that_fails_ends_its_block() -> None:
    """Work beside a failed loop does not go on unnoticed, and leaving waits for a loop that still tidies up."""
    done = list[str]()

    async def fails() -> None:
        raise RuntimeError("broken")

    async def tidies() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        done.append("tidy")

    with pytest.raises(ExceptionGroup) as failure:
        async with background.running(tidies()), background.running(fails()):
            await asyncio.Event().wait()
    assert failure.group_contains(RuntimeError, match="broken")
    assert done == ["tidy"]
