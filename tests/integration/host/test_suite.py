"""The conformance suite itself: it detects the defects that it is made for, and refuses samples that prove nothing."""

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest
from flawed_adapter import Careless, Left, Twice, flawed

from meshwright.core.testing.conformance import AdapterConformance, Sample, World

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]


class Suite(AdapterConformance):
    """Of an adapter with mistakes; not collected, since its tests must fail."""

    __test__: ClassVar[bool] = False
    adapter = flawed
    load_as: ClassVar[str] = "flawed_adapter:flawed"
    path: ClassVar[Path | None] = Path(__file__).parents[2] / "example"
    patience: ClassVar[float] = 5.0

    def samples(self, directory: Path) -> dict[str, Sample]:
        """Each operation on a file of its own."""
        file = directory / "file"

        async def look(_world: World) -> int:
            return len((await asyncio.to_thread(file.read_text)).splitlines()) if file.exists() else 0

        kinds = (Twice, Left, Careless)
        return {kind.kind.name: Sample(arguments=kind(path=str(file)), look=look) for kind in kinds}


class Blind(Suite):
    """Looks where nothing happens."""

    def samples(self, directory: Path) -> dict[str, Sample]:
        """The same answer always."""

        async def look(_world: World) -> str:
            return "all is well"

        return {"flawed.left": Sample(arguments=Left(path=str(directory / "file")), look=look)}


@pytest.mark.parametrize("operation", ["flawed.twice", "flawed.careless"])
async def test_an_effect_that_happens_twice_is_found(operation: str, tmp_path: Path) -> None:
    """A step that is not idempotent, and an effect outside of the steps, show when a worker is killed behind them."""
    with pytest.raises(AssertionError, match=r"the external state is \d, not 1"):
        await Suite().test_it_resumes_after_a_kill_at_each_step(operation, tmp_path)


async def test_what_is_not_taken_back_is_found(tmp_path: Path) -> None:
    """An undo that leaves its effect there shows when the operation is killed and cancelled."""
    with pytest.raises(AssertionError, match="the external state is 1, not 0"):
        await Suite().test_a_killed_and_cancelled_operation_leaves_nothing("flawed.left", "first", tmp_path)


async def test_a_look_that_sees_nothing_is_refused(tmp_path: Path) -> None:
    """A sample whose look answers the same before and after an operation that mutates proves nothing."""
    with pytest.raises(AssertionError, match=r"the sample of flawed\.left shows no effect"):
        await Blind().test_an_operation_does_something_that_is_seen("flawed.left", tmp_path)


def test_an_intent_without_an_answer_is_found() -> None:
    """An adapter that says nothing of an intent has not refused it."""
    with pytest.raises(AssertionError, match="for timeout"):
        Suite().test_every_intent_has_an_answer("timeout")
