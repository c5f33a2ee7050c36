"""An adapter with the mistakes that authors make, one in each operation: the conformance suite must find them."""

from pathlib import Path
from typing import ClassVar

from meshwright.core import kit
from meshwright.core.kit.machine import in_thread
from meshwright.schemas import operations

flawed = kit.Adapter("flawed", meshes=["flawed"])


class Twice(operations.Arguments, frozen=True, kw_only=True):
    """Does its work again when it is asked again."""

    kind: ClassVar[operations.OperationKind] = operations.OperationKind("flawed.twice")
    path: str


class Left(operations.Arguments, frozen=True, kw_only=True):
    """Leaves something behind when it is undone."""

    kind: ClassVar[operations.OperationKind] = operations.OperationKind("flawed.left")
    path: str


class Careless(operations.Arguments, frozen=True, kw_only=True):
    """Acts outside of its steps."""

    kind: ClassVar[operations.OperationKind] = operations.OperationKind("flawed.careless")
    path: str


@flawed.operation(Twice)
async def twice(context: kit.Context, arguments: Twice) -> None:
    """Add a line, whether or not it is there."""

    async def add() -> None:
        _add(Path(arguments.path))

    await context.step("add", add)


@flawed.operation(Left)
async def left(context: kit.Context, arguments: Left) -> None:
    """Write a file, and do not take it back."""

    async def write() -> None:
        await in_thread(Path(arguments.path).write_text, "here\n")

    async def undo() -> None:
        """Forget to do it."""

    await context.step("write", write, undo=undo)


@flawed.operation(Careless)
async def careless(context: kit.Context, arguments: Careless) -> None:
    """Add a line beside an empty step."""

    async def nothing() -> None:
        """The step."""

    await context.step("nothing", nothing)
    _add(Path(arguments.path))


def _add(path: Path) -> None:
    with path.open("a") as file:
        file.write("line\n")
