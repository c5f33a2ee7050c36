"""Blocking code in threads ends before whoever waits for it goes on."""

import asyncio
import threading

import pytest

from meshwright.core.machine.threads import in_thread


async def test_a_result_and_an_error_come_through() -> None:
    """As from a call; arguments by position and by name."""
    assert await in_thread(max, 1, 3, key=lambda value: -value) == 1
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(int, "x")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancellation_waits_for_the_effect(fails: bool) -> None:
    """However often it is cancelled, what comes after it, such as an undo, meets its effect."""
    begun, may_end, effects = threading.Event(), threading.Event(), list[str]()

    def slow() -> None:
        begun.set()
        may_end.wait(60)
        effects.append("done")
        if fails:
            raise OSError("too late to matter")

    task = asyncio.create_task(in_thread(slow))
    await asyncio.to_thread(begun.wait, 60)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    assert effects == []
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert effects == ["done"]
