"""The smallest adapter: what a third party writes, and what the conformance suite is tried on.

It "applies" its operations to a file per mesh, so that a test can count effects from outside.
"""

from pathlib import Path
from typing import ClassVar

from meshwright.core import kit
from meshwright.core.testing.file_target import FileTarget
from meshwright.schemas.base import Model, seconds
from meshwright.schemas.connections import EnvoyFleet
from meshwright.schemas.designs import Preview
from meshwright.schemas.errors import Failure
from meshwright.schemas.intents import INTENT_TYPES, Resource, Timeout, Translation
from meshwright.schemas.operations import Arguments, OperationKind
from meshwright.schemas.references import ResourceRef

example = kit.Adapter("example", meshes=["example"], target=FileTarget, connections=[EnvoyFleet])


class Write(Arguments, frozen=True, kw_only=True):
    """Append lines to a file, one durable step each; `pause` is how long each step takes."""

    kind: ClassVar[OperationKind] = OperationKind("example.write")
    path: str
    steps: int = 1
    pause: str = "0s"
    fail_at: int | None = None
    fail_how: str = "reject"


class NoOp(Arguments, frozen=True, kw_only=True):
    """Do nothing."""

    kind: ClassVar[OperationKind] = OperationKind("example.noop", mutates=False)


class Written(Model, frozen=True, kw_only=True):
    """The number of lines that this attempt has written."""

    lines: int


@example.operation(NoOp)
async def noop(_context: kit.Context, _arguments: NoOp) -> None:
    """Succeed at once."""


@example.operation(Write)
async def write(context: kit.Context, arguments: Write) -> Written:
    """Write one line per step, idempotently, and take them back when undone."""
    path = Path(arguments.path)
    for number in range(arguments.steps):
        line = f"{context.command.operation} {number}"

        async def add(line: str = line, number: int = number) -> int:
            await context.sleep(seconds(arguments.pause))
            if arguments.fail_at == number:
                raise _failure(arguments.fail_how)
            _change(path, add=line)
            return number

        async def remove(line: str = line) -> None:
            _change(path, remove=line)

        await context.step(f"write-{number}", add, undo=remove, result=int)
    await context.progress("all lines are written", 100)
    return Written(lines=arguments.steps)


@example.intent(Timeout, since="1.0")
def timeout(intent: Timeout, _facts: object) -> Translation:
    """A timeout is one native resource."""
    body = {"service": intent.service, "seconds": seconds(intent.timeout)}
    resource = Resource(ref=ResourceRef(group="example", kind="Timeout", name=intent.service), body=body)
    return Translation(intent="timeout", resources=[resource])


for kind in set(INTENT_TYPES) - {Timeout}:
    example.unsupported(kind, because="an example has no network")


@example.preview
async def preview(context: kit.PreviewContext) -> Preview:
    """An example mesh translates nothing beforehand, but checks the arguments."""
    if context.command.arguments.get("path") == "/forbidden":
        raise kit.Reject(Failure(code="EX1", what="that path is forbidden"))
    return Preview(translations=[])


def _failure(how: str) -> Exception:
    failure = Failure(code="EX2", what="told to fail", remedy="do not tell it to")
    return {"reject": kit.Reject(failure), "retry": kit.Retry(0.05, failure)}.get(how, RuntimeError("a defect"))


def _change(path: Path, add: str = "", remove: str = "") -> None:
    lines = path.read_text().splitlines() if path.exists() else []
    lines = [line for line in lines if line not in (add, remove)] + ([add] if add else [])
    path.write_text("".join(f"{line}\n" for line in lines))
