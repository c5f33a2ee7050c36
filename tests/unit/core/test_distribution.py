"""Waiting for proxies, with control planes that say what a test lets them say."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import kit
from meshwright.core.kit.distribution import (
    Answer,
    Baseline,
    Proxy,
    Replica,
    Waiting,
    Work,
    following,
    judging,
    plain,
    remembered,
    waiting,
)
from meshwright.core.operations.outcomes import Reject, Retry
from meshwright.core.testing.target_contract import Quiet
from meshwright.schemas.designs import ProxiesTaken
from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef

ROUTE = ResourceRef(group="g", kind="Route", namespace="shop", name="reviews")
WORDS = "Error adding/updating listener(s) a: goo.gle/debugonly  \n: no prefix\nb: no name\n"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """These control planes have no reason to be slow."""
    monkeypatch.setattr(following, "_IDLE_MARGIN", 0.3)


class Told(Quiet):
    """An attempt that remembers what people are told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    async def progress(self, message: str, percent: float | None = None) -> None:
        self.messages.append(message)


class Planes:
    """Control planes whose replicas are what `look` makes of the number of the look, counted from 0."""

    def __init__(self, look: Callable[[int], list[Replica]], *, reads_at: int = 0) -> None:
        self._look, self._reads_at, self.looks = look, reads_at, 0

    async def replicas(self) -> list[Replica]:
        self.looks += 1
        return self._look(self.looks - 1)

    async def unread(self, replica: Replica, versions: Mapping[ResourceRef, str]) -> list[ResourceRef]:
        return [] if self.looks > self._reads_at else sorted(versions)


def answer(sent: int, acked: int | None = None, error: str = "", **more: Any) -> Answer:
    """What was sent as this push, and taken as that one, by default the same."""
    taken = sent if acked is None else acked
    return Answer(sent=f"{sent:04}", acked=f"{taken:04}", is_pending=taken != sent, error=error, **more)


def replica(*proxies: Answer | dict[str, Answer], name: str = "one", **more: Any) -> Replica:
    """A replica with proxies `p0`, `p1`, …, each with routes, or with what it is given."""
    kinds = [each if isinstance(each, dict) else {"Route": each} for each in proxies]
    own = [Proxy(name=f"{name}-p{index}", answers=each) for index, each in enumerate(kinds)]
    return Replica(name=name, proxies=own, **{"gathers": 0.05, "gathers_at_most": 0.3, **more})


async def waited(planes: Planes, before: list[Replica], within: float = 20.0) -> tuple[ProxiesTaken, Told]:
    """What comes of waiting, and what was told meanwhile."""
    attempt = Told()
    result = await Waiting(planes, judging.baseline(before), {ROUTE: "7"}, attempt).taken(within)
    return result, attempt


async def test_it_waits_until_the_last_proxy_has_answered() -> None:
    """Nothing is sent in the first looks, then to both of the proxies, of which one is slow."""

    def look(number: int) -> list[Replica]:
        sent = 1 if number < 3 else 2
        return [replica(answer(sent), answer(sent, sent if number >= 9 else 1))]

    planes = Planes(look)
    result, attempt = await waited(planes, look(0))
    assert planes.looks > 9
    assert result == ProxiesTaken(sent=2, taken=2)
    assert attempt.messages == ["2 of 2 proxies that were sent it have taken it"]


async def test_a_proxy_that_was_sent_nothing_is_not_concerned() -> None:
    """Only one of three gets it; the others count for nothing, also one that owes an answer from before."""
    before = [replica(answer(3), answer(3), answer(3, 2))]
    result, _ = await waited(Planes(lambda _: [replica(answer(4), answer(3), answer(3, 2))]), before)
    assert result == ProxiesTaken(sent=1, taken=1)


async def test_it_does_not_end_before_the_control_plane_has_read_what_was_applied() -> None:
    """All are in step all the time, since what was applied has not arrived yet."""
    planes = Planes(lambda number: [replica(answer(1 if number < 8 else 2))], reads_at=6)
    result, _ = await waited(planes, [replica(answer(1))])
    assert planes.looks > 8
    assert result == ProxiesTaken(sent=1, taken=1)


def counting(received: int, rounds: int, looked: int) -> dict[str, Any]:
    """What a replica has counted."""
    return {"work": Work(received=received, rounds=rounds, looked=looked)}


async def test_a_control_plane_that_counts_is_waited_for_until_it_has_queued_its_proxies() -> None:
    """It has read everything and rests for long: it is busy with it. One of two proxies is concerned, at the end."""
    before = [replica(answer(1), answer(1), **counting(7, 3, 6))]

    def look(number: int) -> list[Replica]:
        if number < 14:
            return [replica(answer(1), answer(1), **counting(8, 3, 6))]
        return [replica(answer(2), answer(1), **counting(8, 4, 8))]

    planes = Planes(look)
    result, _ = await waited(planes, before)
    assert planes.looks > 14
    assert result == ProxiesTaken(sent=1, taken=1)


async def test_a_control_plane_that_has_looked_at_all_its_proxies_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """None was concerned; that is known, and no further time goes by."""
    monkeypatch.setattr(following, "_IDLE_MARGIN", 60.0)
    before = [replica(answer(1), answer(1), **counting(7, 3, 6))]

    def look(number: int) -> list[Replica]:
        return [replica(answer(1), answer(1), **(counting(8, 4, 8) if number > 1 else counting(8, 3, 6)))]

    async with asyncio.timeout(20):
        result, _ = await waited(Planes(look), before)
    assert result == ProxiesTaken()


async def test_a_control_plane_that_is_told_of_changes_all_the_time_is_done_after_two_rounds() -> None:
    """The second one began when the first had ended, and that ended after everything was read."""

    def look(number: int) -> list[Replica]:
        work = counting(number + 8, number // 4 + 3, number // 4 + 6)
        return [replica(answer(2 if number > 5 else 1), gathers_at_most=60.0, **work)]

    planes = Planes(look)
    result, _ = await waited(planes, look(0))
    assert result == ProxiesTaken(sent=1, taken=1)
    assert 8 <= planes.looks < 16


async def test_a_control_plane_that_began_anew_is_judged_by_its_quiet() -> None:
    """What it counted before is gone; proxies that connect are sent everything without a queue."""
    before = [replica(answer(1), **counting(70, 30, 60))]
    result, _ = await waited(Planes(lambda _: [replica(answer(2), **counting(3, 1, 0))]), before)
    assert result == ProxiesTaken(sent=1, taken=1)


async def test_what_changes_with_the_pods_does_not_count_as_sent() -> None:
    """Endpoints are sent all the time, and the last answer is always owed; they neither delay the end nor count."""

    def look(number: int) -> list[Replica]:
        endpoints = answer(number + 3, number + 2, changes_by_itself=True)
        return [replica({"Route": answer(1), "Endpoints": endpoints})]

    result, attempt = await waited(Planes(look), [replica(answer(1))])
    assert result == ProxiesTaken()
    assert attempt.messages == ["no connected proxy is concerned"]


async def test_proxies_that_get_the_same_push_one_after_another_are_waited_for() -> None:
    """The first have taken it long before the last is sent it."""

    def look(number: int) -> list[Replica]:
        return [replica(*(answer(2 if number > each else 1) for each in range(8)), gathers=1.0, gathers_at_most=60.0)]

    result, _ = await waited(Planes(look), look(0))
    assert result == ProxiesTaken(sent=8, taken=8)


async def test_a_control_plane_that_never_is_quiet_is_not_waited_for_for_ever() -> None:
    """Everything is sent anew at every look, and always owes an answer; it has what it was sent before that."""
    planes = Planes(lambda number: [replica(answer(number + 3, number + 2))])
    async with asyncio.timeout(15):
        result, _ = await waited(planes, [replica(answer(1))])
    assert result == ProxiesTaken(sent=1, taken=1)


async def test_a_refusal_names_the_proxy_and_has_its_words() -> None:
    """Nobody else is waited for."""
    planes = Planes(lambda number: [replica(answer(1, 0), answer(1 + number, 1, WORDS if number else ""))])
    with pytest.raises(Reject) as caught:
        await waited(planes, [replica(answer(1, 0), answer(1))])
    failure = caught.value.failure
    assert failure.code == "MW2001"
    assert failure.what == "one-p1 rejected the configuration: Route: a: no prefix; Route: b: no name"
    assert list(failure.details["proxies"]) == ["one-p1"]


async def test_what_a_proxy_refused_before_is_no_failure() -> None:
    """It goes on refusing a part of that; it is named, and counts as not taken."""
    result, attempt = await waited(
        Planes(lambda _: [replica(answer(2), answer(2, 0, "b: no name"))]), [replica(answer(1), answer(1, 0, WORDS))]
    )
    assert result == ProxiesTaken(sent=2, taken=1, refusing=["one-p1"])
    assert "one-p1 refuse what they refused before" in attempt.messages[-1]


async def test_a_further_complaint_of_a_proxy_that_refuses_is_a_failure() -> None:
    """Only what is new is named."""
    before = [replica(answer(1, 0, WORDS))]
    with pytest.raises(Reject, match=r"Route: c: no port$"):
        await waited(Planes(lambda _: [replica(answer(2, 0, f"{WORDS}c: no port"))]), before)


async def test_proxies_that_do_not_answer_are_named_after_a_while() -> None:
    """As on a mesh whose proxies are away, the operation succeeds; they take it when they are back."""
    result, attempt = await waited(Planes(lambda _: [replica(answer(2), answer(2, 1))]), [replica(answer(1))], 0.5)
    assert result == ProxiesTaken(sent=2, taken=1, behind=["one-p1"])
    assert attempt.messages[-1].endswith("one-p1 will take it when they answer again (restart what stays silent)")


async def test_nobody_who_could_be_asked_is_no_hang() -> None:
    """The reason of the look before everything is given; no further one is taken."""
    planes = Planes(lambda _: pytest.fail("nobody is asked"))
    for before in ([], [Replica(name="one", problem="forbidden")]):
        result, attempt = await waited(planes, before)
        assert result.unconfirmed in ("no control plane of the mesh runs", "one: forbidden")
        assert attempt.messages[0].startswith("not confirmed by all proxies: ")


async def test_one_that_could_not_be_asked_before_is_not_waited_for() -> None:
    """The other one counts, and the result says what it does not know."""
    dumb = Replica(name="two", problem="forbidden")
    result, _ = await waited(Planes(lambda _: [replica(answer(2)), dumb]), [replica(answer(1)), dumb])
    assert result == ProxiesTaken(sent=1, taken=1, unconfirmed="two: forbidden")


async def test_a_replica_that_goes_away_for_a_moment_is_asked_again() -> None:
    """Its proxies are with it again afterwards."""

    def look(number: int) -> list[Replica]:
        return [Replica(name="one", problem="away")] if 0 < number < 6 else [replica(answer(2))]

    result, _ = await waited(Planes(look), [replica(answer(1))])
    assert result == ProxiesTaken(sent=1, taken=1)


async def test_a_cluster_that_goes_away_meanwhile_is_waited_for() -> None:
    """As long as the time lasts."""

    def look(number: int) -> list[Replica]:
        if 0 < number < 4:
            raise Retry(0.1, Failure(code="X", what="the cluster is away"))
        return [replica(answer(2))]

    result, _ = await waited(Planes(look), [replica(answer(1))])
    assert result == ProxiesTaken(sent=1, taken=1)


async def test_no_connected_proxy_is_nothing_to_wait_for() -> None:
    """One look is enough."""
    planes = Planes(lambda _: [replica(), replica(name="two")])
    result, _ = await waited(planes, [replica()])
    assert planes.looks == 1
    assert result == ProxiesTaken()


async def test_a_control_plane_that_never_reads_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may look after other namespaces only."""
    monkeypatch.setattr(waiting, "_READ_WITHIN", 0.3)
    result, _ = await waited(Planes(lambda _: [replica(answer(1))], reads_at=10_000), [replica(answer(1))])
    assert result == ProxiesTaken(unconfirmed="one has not read Route shop/reviews")


async def test_a_proxy_that_came_meanwhile_counts_with_the_replica_it_came_to() -> None:
    """All that a replica has sent that nobody knew before was sent since."""
    result, _ = await waited(
        Planes(lambda _: [replica(answer(1)), replica(answer(1), name="new")]), [replica(answer(1))]
    )
    assert result == ProxiesTaken(sent=1, taken=1)


async def test_a_refusal_that_is_over_a_moment_later_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What undid it was on its way to the proxy."""
    monkeypatch.setattr(waiting, "_SURE_AFTER", 0.01)
    before = await remembered(Planes(lambda number: [replica(answer(2, 1, WORDS) if number == 0 else answer(3))]))
    assert before == Baseline(positions={"one": "0003"})


async def test_the_baseline_outlives_the_worker() -> None:
    """Another attempt judges by what is stored with the plan."""
    before = await remembered(Planes(lambda _: [replica(answer(1, 0, WORDS)), Replica(name="two", problem="away")]))
    stored = msgspec.convert(msgspec.json.decode(msgspec.json.encode(before)), Baseline)
    assert stored == before
    again = judging.judged(stored, [replica(answer(2, 0, WORDS))])
    assert (again.refused, again.refusing) == ({}, ["one-p0"])


async def test_waiting_can_be_cancelled() -> None:
    """The attempt says so between two looks."""

    class Stopped(Told):
        async def sleep(self, seconds: float) -> None:
            raise kit.Cancelled("stop")

    with pytest.raises(kit.Cancelled):
        await Waiting(
            Planes(lambda _: [replica(answer(2, 1))]), judging.baseline([replica(answer(1))]), {}, Stopped()
        ).taken(20.0)


@given(st.text(max_size=200))
def test_any_words_are_the_same_complaints_twice(error: str) -> None:
    """Whatever a proxy says, saying it again is nothing new; and it is told on one line."""
    before = judging.baseline([replica(answer(1, 0, error))])
    assert judging.judged(before, [replica(answer(2, 0, error))]).refused == {}
    assert "\n" not in plain(error)
