"""An adapter whose effects can be counted from outside: each step makes one file, and each try of it leaves a line.

Problem: an idempotent effect hides that it was made twice. Invariant: a step's file is created once and removed by
its undo; the line in `tries` is written whenever the step's action is about to act, by whomever.
"""

import os
from pathlib import Path
from typing import ClassVar

from meshwright.core import kit
from meshwright.schemas.base import seconds
from meshwright.schemas.connections import EnvoyFleet
from meshwright.schemas.errors import Failure
from meshwright.schemas.operations import Arguments, OperationKind

MAJOR = int(os.environ.get("MESHWRIGHT_LEDGER_MAJOR", "1"))
"""which of two versions of this adapter this is; they understand different versions of `Look`"""
ledger = kit.Adapter("ledger", meshes=["ledger"], connections=[EnvoyFleet], version=f"{MAJOR}.0.0")


class Enter(Arguments, frozen=True, kw_only=True):
    """Make `steps` entries in `folder`; each takes `pause` before its effect and `after` behind it."""

    kind: ClassVar[OperationKind] = OperationKind("ledger.enter")
    folder: str
    steps: int = 10
    pause: str = "0s"
    after: str = "0s"
    fail: str = ""
    """how to end behind the last step: `reject`, `defect` or `exit` (the process dies)"""
    undo_fails: int | None = None
    """the step whose undo fails"""
    undo_pause: str = "0s"


class Post(Enter, frozen=True, kw_only=True):
    """The same operation under another name, which only the newer version supports."""

    kind: ClassVar[OperationKind] = OperationKind("ledger.post")


class Look(Arguments, frozen=True, kw_only=True):
    """Change nothing, for as long as `pause`."""

    kind: ClassVar[OperationKind] = OperationKind("ledger.look", version=MAJOR, mutates=False)
    pause: str = "0s"


@ledger.operation(Look)
async def look(context: kit.Context, arguments: Look) -> None:
    """Succeed after the pause."""
    await context.sleep(seconds(arguments.pause))


@ledger.operation(Enter)
async def enter(context: kit.Context, arguments: Enter) -> int:
    """Make the entries one by one; undone they are gone."""
    book = _open(arguments.folder)
    for number in range(arguments.steps):
        await _one(context, arguments, book, number)
    if arguments.fail == "reject":
        raise kit.Reject(Failure(code="LD1", what="told to fail"))
    if arguments.fail == "defect":
        raise RuntimeError("a defect")
    if arguments.fail == "exit":
        os._exit(9)
    return arguments.steps


if MAJOR > 1:
    ledger.operation(Post)(enter)


async def _one(context: kit.Context, arguments: Enter, book: Path, number: int) -> None:
    name = f"{context.command.operation}-{number}"

    async def add() -> None:
        await context.sleep(seconds(arguments.pause))
        _line(book / "tries", f"{name} {context.runtime.instance}")
        if not (book / name).exists():
            (book / name).write_text(context.runtime.instance)
        await context.sleep(seconds(arguments.after))

    async def remove() -> None:
        await context.sleep(seconds(arguments.undo_pause))
        if arguments.undo_fails == number:
            raise RuntimeError("this cannot be taken back")
        (book / name).unlink(missing_ok=True)

    await context.step(f"enter-{number}", add, undo=remove)


def _open(folder: str) -> Path:
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)


def _line(path: Path, text: str) -> None:
    with path.open("a") as sink:  # one write of one line: whole, whoever else writes
        sink.write(f"{text}\n")
