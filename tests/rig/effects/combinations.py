"""Proofs that what is said of one service holds in whatever combination: designs by chance, and what they must do.

Problem: meshes take the first route that matches, while intents hold independently of each other; an order that is
wrong shows only in some combination. Invariant: what a request must get is worked out here from the contract alone.
"""

import itertools
import random
import re
from collections.abc import Iterator, Mapping

import msgspec
import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.schemas.designs import Design, design_problems
from meshwright.schemas.intents import (
    AnyIntent,
    Backend,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    Timeout,
    TrafficSplit,
)
from rig.effects.mesh import ALMOST, WORKLOADS, Answer, Mesh

_SEEDS = 6
_WITHIN = 60.0
_NAMES, _VALUES = ("x-a", "x-b"), ("", "1", "test")
_NUMBERED, _NUMBERS = "x-number", ("", "42", "42x")
_DELAY_S = 0.2
_SHARES = ([100, 0], [0, 100], [50, 50])


class Expected(msgspec.Struct, frozen=True):
    """What a request must get."""

    status: int
    versions: frozenset[str]
    is_late: bool

    def fits(self, answer: Answer) -> bool:
        """Whether an answer is that."""
        if answer.status != self.status or self.is_late != (answer.seconds >= _DELAY_S * ALMOST):
            return False
        return self.status != 200 or WORKLOADS[answer.workload][1] in self.versions


def a_design(seed: int, most_faults: int) -> Design:
    """The same for the same seed; one that contradicts itself is not drawn."""
    chance = random.Random(seed)
    while True:
        intents: list[AnyIntent] = []
        if chance.random() < 0.5:
            number = HeaderMatch(name=_NUMBERED, regex="[0-9]+")
            intents.append(HeaderRoute(service="reviews", header=number, version=chance.choice(("v1", "v2"))))
        for header in {_match(chance): None for _ in range(chance.randint(1, 3))}:
            intents.append(HeaderRoute(service="reviews", header=header, version=chance.choice(("v1", "v2"))))
        for _ in range(chance.randint(0, most_faults)):
            everybody = chance.random() < 0.2
            intents.append(FaultDelay(service="reviews", delay="200ms", header=None if everybody else _match(chance)))
        for _ in range(chance.randint(0, most_faults)):
            intents.append(FaultAbort(service="reviews", status=chance.choice((418, 429)), header=_match(chance)))
        if chance.random() < 0.7:
            weights = zip(("v1", "v2"), chance.choice(_SHARES), strict=True)
            backends = [Backend(version=version, weight=weight) for version, weight in weights]
            intents.append(TrafficSplit(service="reviews", backends=backends))
        if chance.random() < 0.3:
            intents.append(Timeout(service="reviews", timeout="30s"))
        chance.shuffle(intents)
        design = Design(id="any", intents=intents)
        if not design_problems(design):
            return design


def _match(chance: random.Random) -> HeaderMatch:
    """Not by a regular expression: Istio takes no two matches of a header of which one is that."""
    name = chance.choice(_NAMES)
    return chance.choice([HeaderMatch(name=name, exact="1"), HeaderMatch(name=name, prefix="te")])


def expected(design: Design, headers: Mapping[str, str]) -> Expected:
    """The first route, the first delay and the first abort that are meant for a request, each on its own."""
    meant = [each for each in design.intents if _is_meant(each, headers)]
    routes = [frozenset({each.version}) for each in meant if isinstance(each, HeaderRoute)]
    splits = [
        frozenset(backend.version for backend in each.backends if backend.weight)
        for each in meant
        if isinstance(each, TrafficSplit)
    ]
    aborts = [each.status for each in meant if isinstance(each, FaultAbort)]
    return Expected(
        status=aborts[0] if aborts else 200,
        versions=[*routes, *splits, frozenset({"v1", "v2"})][0],
        is_late=any(isinstance(each, FaultDelay) for each in meant),
    )


def _is_meant(intent: AnyIntent, headers: Mapping[str, str]) -> bool:
    match = getattr(intent, "header", None)
    if match is None:
        return True
    value = headers.get(match.name)
    if value is None:
        return False
    if match.exact is not None:
        return value == str(match.exact)
    if match.prefix is not None:
        return value.startswith(match.prefix)
    return re.fullmatch(match.regex, value) is not None


def requests() -> Iterator[dict[str, str]]:
    """Every combination of headers; one without a value is not there."""
    for values in itertools.product(_VALUES, _VALUES, _NUMBERS):
        yield {name: value for name, value in zip((*_NAMES, _NUMBERED), values, strict=True) if value}


class CombinedEffects:
    """Subclass it in a module that has a fixture `mesh`."""

    @pytest.mark.parametrize("seed", range(_SEEDS))
    async def test_any_combination_does_what_each_of_its_intents_says(self, mesh: Mesh, seed: int) -> None:
        """For every combination of the headers that it speaks of, as the contract alone has it."""
        design = a_design(seed, mesh.most_faults)

        async def wrong() -> list[tuple[dict[str, str], Expected, Answer]]:
            results = []
            for headers in requests():
                answer, wanted = await mesh.call("reviews", headers=headers), expected(design, headers)
                # A busy machine is late once, a fault is always.
                if not wanted.is_late and answer.seconds >= _DELAY_S * ALMOST:
                    answer = await mesh.call("reviews", headers=headers)
                if not wanted.fits(answer):
                    results.append((headers, wanted, answer))
            return results

        async def is_right() -> bool:
            problems = await wrong()
            assert problems == [], design.intents
            return True

        async with mesh.applied(design):
            await eventually(is_right, timeout=_WITHIN)
            assert await wrong() == [], design.intents
