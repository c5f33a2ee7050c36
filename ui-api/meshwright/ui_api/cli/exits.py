"""Exit codes and errors of the command line.

Invariant: every way to exit has one code of `Exit`, so a script can distinguish "there is a difference" from "it
failed"; every failure says what happened and what to do, and only defects show a traceback.
"""

import enum
from typing import Any


class Exit(enum.IntEnum):
    """The documented exit codes."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    REFUSED = 3
    DIFFERENCE = 4
    OPERATION = 5
    UNAVAILABLE = 6
    STILL_RUNNING = 7
    FINDINGS = 8
    INTERRUPTED = 130
    CLOSED = 141


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.FAILURE: "failure (a check failed, or a defect)",
    Exit.USAGE: "the command line or the file is invalid",
    Exit.REFUSED: "the server refused the request; nothing was changed",
    Exit.DIFFERENCE: "diff found a difference",
    Exit.OPERATION: "the operation failed, was cancelled, timed out or was dead-lettered",
    Exit.UNAVAILABLE: "the API, a server behind it or the adapter does not answer",
    Exit.STILL_RUNNING: "--timeout passed while the operation still runs, or before what `wait` waits for",
    Exit.FINDINGS: "analyze has findings of the level that --fail-on names, or import --strict has left fields",
    Exit.INTERRUPTED: "Ctrl-C; the operation continues",
    Exit.CLOSED: "who read the output has gone, as `| head` does; the operation continues",
}


class CommandFailed(Exception):
    """A command cannot continue. `notes` are further lines, `remedy` what to do."""

    def __init__(self, what: str, *, code: Exit = Exit.FAILURE, remedy: str = "", notes: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.code = code
        self.remedy = remedy
        self.notes = notes


class RequestRefused(CommandFailed):
    """The API answered with a problem; `problem` is its document, `slug` the last part of its type."""

    def __init__(self, problem: dict[str, Any]) -> None:
        status = int(problem.get("status") or 0)
        title = str(problem.get("title") or f"HTTP {status}")
        detail = str(problem.get("detail") or "")
        errors = problem.get("errors") or []
        lines = [detail if detail.lower() != title.lower() else ""]
        lines += [f"{error.get('pointer', '#')}: {error.get('detail', '')}" for error in errors]
        lines += [f"trace {problem['trace_id']}"] if problem.get("trace_id") else []
        remedy = str(problem.get("remedy") or "")
        super().__init__(
            title,
            code=Exit.UNAVAILABLE if status in (502, 503, 504) else Exit.REFUSED if status < 500 else Exit.FAILURE,
            # "`errors` names each place" is redundant when the places are printed
            remedy="" if errors and "`errors`" in remedy else remedy,
            notes=tuple(line for line in lines if line),
        )
        self.problem = problem
        self.status = status
        self.slug = str(problem.get("type", "")).rstrip("/").rpartition("/")[2]

    def placed(self, errors: list[dict[str, Any]], notes: tuple[str, ...]) -> "RequestRefused":
        """The same refusal with its field errors in the terms of the command line."""
        if not errors:
            return self
        refusal = RequestRefused({**self.problem, "errors": errors})
        own = [note for note in refusal.notes if not note.startswith("#")]
        last = [note for note in own if note.startswith("trace ")]
        refusal.notes = (*(note for note in own if note not in last), *notes, *last)
        return refusal


class NotMeshwright(CommandFailed):
    """Another program answers at that address."""

    def __init__(self, url: str, what: str) -> None:
        super().__init__(
            f"the server at {url} is not Meshwright",
            code=Exit.UNAVAILABLE,
            notes=(what,),
            remedy="Name the API's own address: `meshwright context show` shows where this one comes from.",
        )


class Unreachable(CommandFailed):
    """The API does not answer."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"Meshwright does not answer at {url}",
            code=Exit.UNAVAILABLE,
            notes=(why,) if why else (),
            remedy="Start it with `make up`, or choose another server: `meshwright context list`.",
        )
