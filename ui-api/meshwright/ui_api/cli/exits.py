"""How the command line ends.

Invariant: every way to end has one code of `Exit`, so a script can tell "there is a difference" from "it broke";
every failure says what happened and what to do, and only defects show a traceback.
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
    INTERRUPTED = 130


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.FAILURE: "it did not work (a check failed, or a defect)",
    Exit.USAGE: "the command line or the file could not be understood",
    Exit.REFUSED: "the server refused the request; nothing was changed",
    Exit.DIFFERENCE: "diff found a difference",
    Exit.OPERATION: "the operation failed, was cancelled, timed out or was dead-lettered",
    Exit.UNAVAILABLE: "the API, a server behind it or the adapter does not answer",
    Exit.STILL_RUNNING: "--timeout passed while the operation still runs",
    Exit.INTERRUPTED: "Ctrl-C; the operation goes on",
}


class CommandFailed(Exception):
    """A command cannot go on. `notes` are further lines, `remedy` what to do."""

    def __init__(self, what: str, *, code: Exit = Exit.FAILURE, remedy: str = "", notes: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.code = code
        self.remedy = remedy
        self.notes = notes


class Refused(CommandFailed):
    """The API answered with a problem; `problem` is its document, `slug` the last part of its type."""

    def __init__(self, problem: dict[str, Any]) -> None:
        status = int(problem.get("status") or 0)
        lines = [problem.get("detail") or ""]
        lines += [f"{error.get('pointer', '#')}: {error.get('detail', '')}" for error in problem.get("errors", [])]
        if problem.get("trace_id"):
            lines.append(f"trace {problem['trace_id']}")
        super().__init__(
            str(problem.get("title") or f"HTTP {status}"),
            code=Exit.UNAVAILABLE if status in (502, 503, 504) else Exit.REFUSED if status < 500 else Exit.FAILURE,
            remedy=str(problem.get("remedy") or ""),
            notes=tuple(line for line in lines if line),
        )
        self.problem = problem
        self.status = status
        self.slug = str(problem.get("type", "")).rstrip("/").rpartition("/")[2]


class Unreachable(CommandFailed):
    """The API does not answer at all."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"Meshwright does not answer at {url}",
            code=Exit.UNAVAILABLE,
            notes=(why,) if why else (),
            remedy="Start it with `make up`, or name another server: `meshwright context list`.",
        )
