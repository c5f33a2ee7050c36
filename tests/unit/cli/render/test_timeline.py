"""The course of an operation on the command line: each change once, whichever source reports it first."""

from typing import Any

import pytest

from meshwright.schemas.operations import TAKING_BACK
from meshwright.ui_api.cli.render.timeline import Line, Timeline

AT = "2026-11-25T12:00:00.000000Z"
LATER = "2026-11-25T12:00:01.500000Z"
FAILURE = {"code": "X1", "what": "it failed", "cause": "a cause", "remedy": "a remedy"}


def events(timeline: Timeline, *told: tuple[str, dict[str, Any]]) -> list[Line]:
    """The lines that these events make; steps end a second and a half after they began."""
    lines = []
    for name, data in told:
        time = LATER if name in ("step_completed", "step_failed") else AT
        lines += timeline.learn_event(f"dev.meshwright.operation.{name}.v1", time, data)
    return lines


def texts(lines: list[Line]) -> list[tuple[str, str]]:
    """Marks and texts."""
    return [(line.mark, line.text) for line in lines]


def test_a_step_is_reported_when_it_ends_with_its_duration() -> None:
    """The beginning of a step is only remembered; its end is one line."""
    timeline = Timeline()
    assert events(timeline, ("step_started", {"step": "push", "attempt": 1})) == []
    assert timeline.running == "push"
    [line] = events(timeline, ("step_completed", {"step": "push", "attempt": 1}))
    assert (line.mark, line.text, line.seconds) == ("ok", "push", 1.5)
    assert timeline.running == ""


def test_what_a_snapshot_reported_is_not_reported_again() -> None:
    """An event that comes after the snapshot that shows its effect makes no second line, and the reverse."""
    step = {"name": "push", "state": "completed", "attempt": 1, "started_at": AT, "finished_at": LATER}
    snapshot = {"state": "running", "steps": [step], "progress": "half"}
    timeline = Timeline()
    assert texts(timeline.learn_snapshot(snapshot)) == [("ok", "push"), ("note", "half")]
    told = events(timeline, ("step_completed", {"step": "push", "attempt": 1}), ("progressed", {"message": "half"}))
    assert told == []
    assert timeline.learn_snapshot(snapshot) == []


def test_a_failure_comes_with_cause_and_remedy() -> None:
    """A failed step has its failure behind it, line by line."""
    [line] = events(Timeline(), ("step_failed", {"step": "push", "attempt": 1, "failure": FAILURE}))
    assert line.mark == "bad"
    assert line.details == ("it failed (X1)", "cause: a cause", "remedy: a remedy")


def test_undoing_is_shown_step_by_step() -> None:
    """First that things are taken back, then each step; one that cannot be says why."""
    timeline = Timeline()
    lines = events(
        timeline,
        ("step_completed", {"step": "push", "attempt": 1}),
        ("undoing", {"worker": "w", "end": "failed"}),
        ("undoing", {"worker": "other", "end": "failed"}),
        ("step_undone", {"step": "push"}),
        ("step_undone", {"step": "pull", "failure": FAILURE}),
        ("failed", {"failure": FAILURE}),
    )
    assert texts(lines) == [
        ("ok", "push"),
        ("note", TAKING_BACK),
        ("undone", "push undone"),
        ("bad", "pull could not be undone"),
    ]
    assert lines[-1].details[0] == "it failed (X1)"
    assert (timeline.state, timeline.done) == ("failed", True)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("queued", {"reason": "it is busy", "behind": "OP1"}, "waits behind operation OP1: it is busy"),
        ("queued", {"reason": "it is busy", "behind": None}, "waits: it is busy"),
        ("retrying", {"next_attempt_at": AT, "failure": FAILURE}, "retries at "),
        ("started", {"attempt": 2, "worker": "w7"}, "attempt 2 on w7"),
        ("cancel_requested", {"principal": "ann", "reason": "enough"}, "ann requested to cancel: enough"),
        ("cancel_requested", {"principal": "ann", "abandon": True}, "ann requested to cancel without undoing"),
    ],
)
def test_waiting_and_trying_again_are_reported_once(name: str, data: dict[str, Any], text: str) -> None:
    """Each kind of waiting is one line with its reason, however often its event comes."""
    [line] = events(Timeline(), (name, data), (name, data))
    assert line.text.startswith(text)


def test_a_first_attempt_is_nothing_to_tell() -> None:
    """The start of the first attempt is not shown."""
    assert events(Timeline(), ("started", {"attempt": 1, "worker": "w"})) == []
