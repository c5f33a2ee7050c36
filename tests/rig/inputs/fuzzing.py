"""Fuzzing with Hypothesis: strategies that damage valid inputs, and a loop that tests a target for a while.

Invariant: a target raises only what it declares, and takes no longer than a limit; anything else is a finding, which
Hypothesis shrinks before it is reported. A short run uses the same inputs each time, a long one others.
"""

import contextlib
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hypothesis
import msgspec
from hypothesis import HealthCheck
from hypothesis import strategies as st

QUICK = 120
"""inputs per target in a short run"""
SHARES = 27
"""into which the time is divided: one for each reader, two for bytes at the API's port, three for requests"""
_ROUND = 1_000
SLOWEST_S = 2.0
"""of the processor, for one input"""

free: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "\0", "$where", "__proto__", "..", "*", ">", "1s", "v1", 2**31, 2**63, -(2**63), 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
"""Any data that could stand in a document."""


class Target(msgspec.Struct, frozen=True):
    """A parser of untrusted input: inputs, the function, and the exceptions that it may raise."""

    inputs: st.SearchStrategy[Any]
    reads: Callable[[Any], object]
    may_raise: tuple[type[Exception], ...] = ()


def seconds(shares: int = 1) -> float:
    """How long a target is tried that gets so many of the SHARES of FUZZ_MINUTES; 0 means a short run."""
    return float(os.environ.get("FUZZ_MINUTES", "0")) * 60 * shares / SHARES


def try_out(name: str, target: Target, duration: float) -> int:
    """Try a target for so many seconds, 0: a fixed number of inputs. How many were tried.

    Raises what the target raised and may not, with the input in a note.
    """
    begin, count = time.monotonic(), 0

    def case(value: Any) -> None:
        nonlocal count
        count += 1
        started = time.thread_time()
        with contextlib.suppress(*target.may_raise):
            target.reads(value)
        taken = time.thread_time() - started
        assert taken < SLOWEST_S or count == 1, f"{taken:.1f} s for one input"  # the first may import libraries

    while True:
        wanted = hypothesis.settings(
            max_examples=_ROUND if duration else QUICK,
            deadline=None,
            database=None,
            derandomize=not duration,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        test = wanted(hypothesis.given(target.inputs)(case))
        if duration:
            test = hypothesis.seed(random.randrange(2**32))(test)
        test()
        taken = time.monotonic() - begin
        if taken >= duration:
            print(f"\n{name}: {count} inputs, {count / taken * 60:,.0f} a minute")
            return count


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes], words: Sequence[bytes] = (b"\0", b"\xff", b"{", b'"')) -> bytes:
    """One of the seeds with a few bytes exchanged, cut out, repeated or put in."""
    text = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(text)))
        upto = min(len(text), at + draw(st.integers(0, 16)))
        how = draw(st.integers(0, 4))
        if how == 0:
            text[at:upto] = draw(st.binary(max_size=8))
        elif how == 1:
            del text[at:upto]
        elif how == 2:
            text[at:at] = text[at:upto] * draw(st.integers(1, 50))
        elif how == 3:
            text[at:at] = draw(st.sampled_from(words))
        elif at < len(text):
            text[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(text)


@st.composite
def altered(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> Any:
    """A document with up to three of its values exchanged for anything, keys added, or parts taken away."""
    value = draw(documents)
    for _ in range(draw(st.integers(0, 3))):
        value = _altered(draw, value)
    return value


def _altered(draw: st.DrawFn, value: Any) -> Any:
    deeper = draw(st.integers(0, 3)) > 0
    if isinstance(value, Mapping) and value and deeper:
        name = draw(st.sampled_from(sorted(value, key=str)))
        how = draw(st.integers(0, 5))
        if how == 0:
            return {key: inner for key, inner in value.items() if key != name}
        if how == 1:
            return {**value, draw(st.text(max_size=6)): draw(free)}
        return {**value, name: _altered(draw, value[name])}
    if isinstance(value, list) and value and deeper:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _altered(draw, value[at]), *value[at + draw(st.integers(0, 1)) :]]
    return draw(free)
