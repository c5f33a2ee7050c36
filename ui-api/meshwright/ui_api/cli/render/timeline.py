"""The course of an operation, line by line.

Problem: news arrives twice, as events and as snapshots, and either may be late. Invariant: each change (a step started,
ended, was undone; the operation waits, retries, ends) is shown once, whichever source brings it first.
"""

from typing import Any

import msgspec

from meshwright.schemas.operations import TAKING_BACK, TERMINAL_STATES
from meshwright.ui_api.cli.render import output

_PREFIX = "dev.meshwright.operation."
_ENDINGS = {f"{_PREFIX}{state}.v1": state for state in TERMINAL_STATES}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line: a mark (`ok`, `bad`, `undone`, `wait`, `note`), a text, and details."""

    mark: str
    text: str
    seconds: float | None = None
    details: tuple[str, ...] = ()


class Timeline:
    """The known state of one operation."""

    def __init__(self) -> None:
        self.state = "accepted"
        self.running = ""
        self.progress = ""
        self.ending: dict[str, Any] = {}
        """the details in the terminal event; empty before"""
        self._said = ""
        self._told: set[tuple[Any, ...]] = set()
        self._began: dict[str, str] = {}

    @property
    def done(self) -> bool:
        """Whether the operation has ended."""
        return self.state in TERMINAL_STATES

    def learn_snapshot(self, operation: dict[str, Any]) -> list[Line]:
        """Add the operation as the API shows it."""
        lines = []
        for step in sorted(operation.get("steps", []), key=lambda step: step.get("finished_at") or "~"):
            self._began[step["name"]] = step["started_at"]
            if step["state"] == "running":
                self.running = step["name"]
            else:
                lines += self._ended(
                    step["name"], step["state"], step["attempt"], step.get("finished_at"), step.get("failure")
                )
        if not self.done:
            self.state = operation["state"]
            lines += self._progressed(operation.get("progress", ""))
        return lines

    def learn_event(self, type: str, time: str, data: dict[str, Any]) -> list[Line]:
        """Add one event of the operation, stored at `time`."""
        if type in _ENDINGS:
            self.state, self.running = _ENDINGS[type], ""
            self.ending = {"state": self.state, "done": True, "finished_at": time}
            self.ending |= {name: data[name] for name in ("failure", "result") if name in data}
            return []
        name = type.removeprefix(_PREFIX).removesuffix(".v1")
        if name.startswith("step_"):
            return self._step(name, time, data)
        return self._happened(name, data)

    def _step(self, name: str, time: str, data: dict[str, Any]) -> list[Line]:
        step = data["step"]
        if name == "step_started":
            self._began[step], self.running, self.progress = time, step, ""
            return []
        failure = data.get("failure")
        states = {"step_completed": "completed", "step_failed": "failed", "step_undone": "undone"}
        state = "undo_failed" if name == "step_undone" and failure else states.get(name, "")
        return self._ended(step, state, data.get("attempt", 0), time, failure)

    def _ended(
        self, step: str, state: str, attempt: int, time: str | None, failure: dict[str, Any] | None
    ) -> list[Line]:
        if self.running == step:
            self.running = ""
        undone = state in ("undone", "undo_failed")
        if not self._first(step, state, 0 if undone else attempt):
            return []
        seconds = None if undone else output.between(self._began.get(step), time)
        words = {"undone": f"{step} undone", "undo_failed": f"{step} could not be undone"}
        mark = {"completed": "ok", "undone": "undone"}.get(state, "bad")
        return [Line(mark=mark, text=words.get(state, step), seconds=seconds, details=explain(failure))]

    def _happened(self, name: str, data: dict[str, Any]) -> list[Line]:
        if name == "progressed":
            return self._progressed(data["message"])
        if name == "undoing":
            self.running = ""
            return self._progressed(TAKING_BACK)
        if name == "queued" and self._first(name, data.get("reason"), data.get("behind")):
            self.state = "queued"
            behind = f" behind operation {data['behind']}" if data.get("behind") else ""
            return [Line(mark="wait", text=f"waits{behind}{_because(data.get('reason'))}")]
        if name == "retrying" and self._first(name, data["next_attempt_at"]):
            self.state = "waiting"
            at = output.clock(data["next_attempt_at"])
            return [Line(mark="wait", text=f"retries at {at}", details=explain(data["failure"]))]
        if name == "started":
            self.state = "running"
            if data["attempt"] > 1 and self._first(name, data["attempt"]):
                return [Line(mark="note", text=f"attempt {data['attempt']} on {data['worker']}")]
        if name == "cancel_requested" and self._first(name, data.get("abandon")):
            what = "cancel without undoing" if data.get("abandon") else "cancel"
            return [Line(mark="wait", text=f"{data['principal']} requested to {what}{_because(data.get('reason'))}")]
        return []

    def _progressed(self, message: str) -> list[Line]:
        new = bool(message) and message != self._said
        self.progress = self._said = message
        return [Line(mark="note", text=message)] if new else []

    def _first(self, *what: Any) -> bool:
        new = what not in self._told
        self._told.add(what)
        return new


def explain(failure: dict[str, Any] | None) -> tuple[str, ...]:
    """A failure in lines: what happened, cause, remedy."""
    if not failure:
        return ()
    code = f" ({failure['code']})" if failure.get("code") else ""
    lines = [f"{failure.get('what', '')}{code}"]
    lines += [f"{word}: {failure[word]}" for word in ("cause", "remedy") if failure.get(word)]
    return tuple(lines)


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""
