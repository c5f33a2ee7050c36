"""Waiting for proxies by what istiods say of them, whatever happens in whichever order.

The istiods are models: they answer in the bytes of `/debug/syncz`, and time passes only while the operation sleeps.
"""

import asyncio
import selectors
import zlib
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.istio.proxies import distribution, syncz
from meshwright.adapters.istio.proxies.replicas import Replica as Istiod
from meshwright.core.kit.distribution import Replica, Waiting, judging
from meshwright.core.operations.outcomes import Reject
from meshwright.core.testing.target_contract import Quiet
from meshwright.schemas.designs import ProxiesTaken
from meshwright.schemas.references import ResourceRef

T = TypeVar("T")
ROUTE = ResourceRef(group="networking.istio.io", kind="VirtualService", namespace="shop", name="reviews")
ENVOY = "type.googleapis.com/envoy.config"
TYPES = {
    "Listener": f"{ENVOY}.listener.v3.Listener",
    "RouteConfiguration": f"{ENVOY}.route.v3.RouteConfiguration",
    "ClusterLoadAssignment": f"{ENVOY}.endpoint.v3.ClusterLoadAssignment",
}
UUID = "6c1e07b2-8f4f-4e3c-9b1a-0a2f0d6a7c11"
WITHIN = 30.0
READ_AT = 0.3
OLD_WORDS = "Error adding/updating listener(s) a: goo.gle/debugonly  : no prefix\n"
NEW_WORDS = f"{OLD_WORDS}b: no name\n"


class Hours(asyncio.SelectorEventLoop):
    """A loop whose time a test moves on."""

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        self.ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Passing(Quiet):
    """An attempt that sleeps no longer than it takes to say so."""

    async def sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Hours)
        loop.ahead += seconds
        await asyncio.sleep(0)


def in_no_time(what: Coroutine[Any, Any, T]) -> T:
    """What comes of it."""
    with asyncio.Runner(loop_factory=Hours) as runner:
        return runner.run(what)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to a proxy as one type, in seconds since it was applied."""

    at: float
    answered: float | None
    """after so many seconds; None: never"""
    refused: str = ""
    """the words of the answer, when it is a refusal"""


class Envoy(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy; it is sent only what is named, and has taken what it had before unless it `refused` that."""

    sent: dict[str, Sent] = {}
    refused: str = ""
    there: tuple[float, float] = (-1.0, 1e9)
    """from when until when it is connected"""
    istiod: int = 0

    def is_there(self, now: float) -> bool:
        return self.there[0] <= now < self.there[1]

    def answer(self, now: float) -> float | None:
        """When it has answered to everything that it is sent; None: never."""
        ends = [each.at + each.answered if each.answered is not None else None for each in self.sent.values()]
        return None if None in ends else max((each for each in ends if each is not None), default=now)


def nonce(number: int, of: object) -> str:
    """As istiod makes them: the time and number of the push, and what makes it unique."""
    return f"2026-11-28T00:26:{6 + number:02}Z/{number}{UUID[:24]}{zlib.crc32(repr(of).encode()):012x}"


def status(envoy: int, kind: str, one: Envoy, now: float) -> dict[str, str]:
    """What istiod says of one type: the push before was number 1, what was applied is in number 2."""
    before = nonce(1, (envoy, kind))
    error = {"lastError": one.refused} if one.refused and kind == "Listener" else {}
    acked = nonce(0, envoy) if error else before
    sent = one.sent.get(kind)
    if sent is None or now < sent.at:
        return {"sent": before, "acked": acked, **error}
    after = nonce(2, (envoy, kind))
    if sent.answered is None or now < sent.at + sent.answered:
        return {"sent": after, "acked": acked, **error}
    return (
        {"sent": after, "acked": acked, "lastError": sent.refused} if sent.refused else {"sent": after, "acked": after}
    )


def endpoints(now: float) -> dict[str, str]:
    """They are pushed ten times a second, and a proxy is always one answer behind."""
    number = int((now + 5) * 10)
    return {"sent": f"{nonce(2, now)[:20]}/{number}{UUID}", "acked": f"{nonce(2, now)[:20]}/{number - 1}{UUID}"}


class Model:
    """Istiods whose proxies do what a test has written down; endpoints are pushed all the time."""

    def __init__(self, envoys: list[Envoy], istiods: int = 2, *, reads_at: float = READ_AT) -> None:
        self._envoys, self._istiods, self._reads_at = envoys, istiods, reads_at
        self._began = asyncio.get_running_loop().time()

    @property
    def now(self) -> float:
        """Seconds since it was applied."""
        return asyncio.get_running_loop().time() - self._began

    async def replicas(self) -> list[Replica]:
        return self.at(self.now)

    def at(self, now: float) -> list[Replica]:
        """What all istiods say at a time."""
        return distribution.told([self._asked(each, now) for each in range(self._istiods)])

    def _asked(self, istiod: int, now: float) -> Istiod:
        answers = [
            {
                "proxy": f"p{number}.shop",
                "proxy_type": "sidecar",
                "resources": {url: status(number, kind, one, now) for kind, url in TYPES.items()}
                | {TYPES["ClusterLoadAssignment"]: endpoints(now)},
            }
            for number, one in enumerate(self._envoys)
            if one.istiod == istiod and one.is_there(now)
        ]
        proxies = syncz.decoded(msgspec.json.encode(answers))
        return Istiod(namespace="istio-system", name=f"istiod-{istiod}", proxies=proxies)

    async def unread(self, replica: Replica, versions: Mapping[ResourceRef, str]) -> list[ResourceRef]:
        return [] if self.now >= self._reads_at else sorted(versions)


async def waited(envoys: list[Envoy], **more: Any) -> tuple[ProxiesTaken, float]:
    """What comes of waiting, and after how long. Raises Reject."""
    model = Model(envoys, **more)
    before = judging.baseline(model.at(-0.5))
    result = await Waiting(model, before, {ROUTE: "7"}, Passing()).taken(WITHIN)
    return result, model.now


SECONDS = st.floats(0, 0.05) | st.floats(0, 12)
"""in which a proxy answers"""
TAKEN = st.just("")


@st.composite
def meshes(draw: st.DrawFn, refusals: st.SearchStrategy[str] = TAKEN) -> list[Envoy]:
    """Proxies of two istiods, to some of which something is sent; an istiod that sends is not quiet for long."""
    envoys = []
    clocks = [READ_AT + draw(st.floats(0, 0.9)), READ_AT + draw(st.floats(0, 0.9))]
    for _ in range(draw(st.integers(1, 6))):
        istiod, sent = draw(st.integers(0, 1)), {}
        for kind in draw(st.lists(st.sampled_from(["Listener", "RouteConfiguration"]), unique=True)):
            clocks[istiod] += draw(st.floats(0, 0.15))
            sent[kind] = Sent(at=clocks[istiod], answered=draw(SECONDS), refused=draw(refusals))
        envoys.append(Envoy(sent=sent, istiod=istiod))
    return draw(st.permutations(envoys))


@settings(max_examples=40)
@given(meshes())
def test_it_never_ends_before_everything_that_was_sent_is_taken(envoys: list[Envoy]) -> None:
    """However slowly and in whichever order it is sent and taken, by two istiods that are not in step."""
    result, seconds = in_no_time(waited(envoys))
    concerned = [each for each in envoys if each.sent]
    assert result == ProxiesTaken(sent=len(concerned), taken=len(concerned))
    last = max([READ_AT, *(each.answer(0) or 0 for each in concerned)])
    assert last <= seconds < last + 2.5


@settings(max_examples=40)
@given(meshes(st.sampled_from(["", "", NEW_WORDS])))
def test_a_refusal_is_never_lost(envoys: list[Envoy]) -> None:
    """One refusal of one type by one proxy, at any time, is a failure with its words; none is none."""
    refusing = {n for n, one in enumerate(envoys) if any(each.refused for each in one.sent.values())}
    if not refusing:
        in_no_time(waited(envoys))
        return
    with pytest.raises(Reject, match="no name") as refused:
        in_no_time(waited(envoys))
    named = {each.removeprefix("shop/p") for each in (refused.value.failure.details or {})["proxies"]}
    assert named <= {str(each) for each in refusing}


@settings(max_examples=40)
@given(meshes(), st.integers(0, 5))
def test_one_that_never_answers_is_named_at_the_end_of_the_time(envoys: list[Envoy], which: int) -> None:
    """The others have taken it."""
    silent = which % len(envoys)
    envoys[silent] = Envoy(
        sent={"RouteConfiguration": Sent(at=READ_AT + 0.05, answered=None)}, istiod=envoys[silent].istiod
    )
    result, seconds = in_no_time(waited(envoys))
    assert (result.behind, result.sent - result.taken) == ([f"shop/p{silent}"], 1)
    assert WITHIN <= seconds < WITHIN + 2


@settings(max_examples=40)
@given(meshes(), st.integers(0, 5), st.floats(READ_AT, 10))
def test_one_that_goes_is_not_waited_for(envoys: list[Envoy], which: int, gone: float) -> None:
    """It would never have answered; the others are waited for as before."""
    leaving = which % len(envoys)
    envoys[leaving] = Envoy(
        sent={"RouteConfiguration": Sent(at=READ_AT + 0.05, answered=None)},
        istiod=envoys[leaving].istiod, there=(-1.0, gone),
    )  # fmt: skip
    result, seconds = in_no_time(waited(envoys))
    others = [each for number, each in enumerate(envoys) if each.sent and number != leaving]
    assert (result.taken, result.behind) == (len(others), [])
    assert seconds >= max(each.answer(0) or 0 for each in [*others, Envoy()])
    assert seconds < WITHIN


@settings(max_examples=40)
@given(meshes(), st.floats(READ_AT, 3), st.floats(0.1, 8))
def test_one_that_comes_meanwhile_is_waited_for(envoys: list[Envoy], comes: float, answered: float) -> None:
    """It is sent everything when it connects, and counts as soon as somebody has seen it."""
    slow = Envoy(sent={"RouteConfiguration": Sent(at=READ_AT, answered=12.0)})
    new = Envoy(sent={"Listener": Sent(at=comes, answered=answered)}, istiod=1, there=(comes, 1e9))
    result, seconds = in_no_time(waited([*envoys, slow, new]))
    assert result.behind == []
    assert result.taken == result.sent == len([each for each in [*envoys, slow, new] if each.sent])
    assert seconds >= max(comes + answered, READ_AT + 12.0)


@given(st.floats(0.1, 5), st.floats(0, 3), st.sampled_from(["", NEW_WORDS]))
def test_one_that_goes_over_to_another_istiod_is_waited_for_there(moves: float, answered: float, words: str) -> None:
    """What it was sent by the first one does not count any more, nor that it has never answered there."""
    first = Envoy(sent={"Listener": Sent(at=READ_AT + 0.05, answered=None)}, there=(-1.0, READ_AT + moves))
    sent = Sent(at=READ_AT + moves, answered=answered, refused=words)
    envoys = [first, Envoy(sent={"Listener": sent}, istiod=1, there=(READ_AT + moves, 1e9))]
    if words:
        with pytest.raises(Reject, match="no name"):
            in_no_time(waited(envoys))
        return
    result, seconds = in_no_time(waited(envoys))
    assert result == ProxiesTaken(sent=1, taken=1)
    assert seconds >= READ_AT + moves + answered


@settings(max_examples=40)
@given(meshes(), st.booleans())
def test_what_was_refused_before_is_no_failure_now(envoys: list[Envoy], again: bool) -> None:
    """One that refused something before and is sent more: it says the same again, or it takes it."""
    sent = Sent(at=READ_AT + 0.05, answered=0.02, refused=OLD_WORDS if again else "")
    result, _ = in_no_time(waited([*envoys, Envoy(sent={"Listener": sent}, refused=OLD_WORDS)]))
    assert result.refusing == ([f"shop/p{len(envoys)}"] if again else [])
    assert result.behind == []


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(1, 10**9)), min_size=2, unique=True))
def test_later_pushes_have_later_positions(pushes: list[tuple[int, int]]) -> None:
    """By their time, and within a second by their number, whatever its length."""
    positions = [distribution.position(f"2026-11-28T00:26:{second:02}Z/{number}{UUID}") for second, number in pushes]
    assert sorted(positions) == [positions[pushes.index(each)] for each in sorted(pushes)]


@pytest.mark.parametrize("nonce", ["", UUID, "a/b", "x/1/2", "2026-11-28T00:26:12Z/"])
def test_what_is_no_push_has_no_position(nonce: str) -> None:
    """It is before everything that has one."""
    assert distribution.position(nonce) == ""
