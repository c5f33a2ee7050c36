"""The steps of an operation: many events, one row per step.

Invariant: a step has one row, in the order in which steps first started; a row shows the newest attempt.
"""

import msgspec

from meshwright.core.operations.records import Fact
from meshwright.schemas.base import Message
from meshwright.schemas.operations import Step, StepCompleted, StepFailed, StepStarted, StepUndone


def after(steps: list[Step], message: Message, fact: Fact) -> list[Step] | None:
    """The steps after this event, or None when it is not about a step."""
    match message:
        case StepStarted():
            row = Step(name=message.step, state="running", attempt=message.attempt, started_at=fact.time)
        case StepCompleted():
            row = msgspec.structs.replace(
                _row(steps, message.step, message.attempt, fact),
                state="completed",
                attempt=message.attempt,
                finished_at=fact.time,
                failure=None,
            )
        case StepFailed():
            row = msgspec.structs.replace(
                _row(steps, message.step, message.attempt, fact),
                state="failed",
                attempt=message.attempt,
                finished_at=fact.time,
                failure=message.failure,
            )
        case StepUndone():
            row = msgspec.structs.replace(
                _row(steps, message.step, 1, fact),
                state="undo_failed" if message.failure else "undone",
                finished_at=fact.time,
                failure=message.failure,
            )
        case _:
            return None
    return _with(steps, row)


def _row(steps: list[Step], name: str, attempt: int, fact: Fact) -> Step:
    """The row of a step; a new one when its start was not published."""
    for step in steps:
        if step.name == name:
            return step
    return Step(name=name, state="running", attempt=attempt, started_at=fact.time)


def _with(steps: list[Step], row: Step) -> list[Step]:
    if any(step.name == row.name for step in steps):
        return [row if step.name == row.name else step for step in steps]
    return [*steps, row]
