"""The context that a handler gets: durable steps, progress, cancellation.

Invariant: `step` runs its action at most once to completion over all attempts of the operation; what it
returned is stored and given back to later attempts. Actions must be idempotent, since a crash between the
effect and its record runs them again. Undoing goes in reverse order and skips what is already undone.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from meshwright.core import ending
from meshwright.core.kit.journal import Journal
from meshwright.core.kit.outcomes import Cancelled, Fenced, Reject, StepOrderError, as_failure
from meshwright.core.kit.runtime import Runtime
from meshwright.core.telemetry import tracing
from meshwright.schemas import operations

T = TypeVar("T")
S = TypeVar("S")
Undo = Callable[[], Coroutine[Any, Any, None]]
log = logging.getLogger(__name__)


class Control:
    """How the host tells a running operation to stop: set once, seen between and inside steps."""

    def __init__(self) -> None:
        self._cancelled = asyncio.Event()
        self.request: operations.CancelRequested | None = None

    def cancel(self, request: operations.CancelRequested) -> None:
        """Ask the operation to stop."""
        self.request = request
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked the operation to stop."""
        return self._cancelled.is_set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait for a cancellation, at most so many seconds; whether there is one."""
        try:
            async with asyncio.timeout(seconds):
                await self._cancelled.wait()
        except TimeoutError:
            return False
        return True

    async def unless_cancelled(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, or Cancelled as soon as somebody asks the operation to stop."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Cancelled("a person asked the operation to stop")
            return await task
        finally:
            await ending.end(task, stop)


class Context:
    """What one attempt of one operation may use."""

    def __init__(
        self, command: operations.Command, runtime: Runtime, journal: Journal, control: Control, service: object
    ) -> None:
        self.command = command
        self.runtime = runtime
        self.attempt = journal.history.attempts
        self._journal = journal
        self._control = control
        self._service = service
        self._seen: set[str] = set()
        self._undo: list[tuple[str, Undo]] = []
        self._unwinding = journal.history.failure if journal.history.undone else None

    def service(self, kind: type[S]) -> S:
        """What the adapter's `@service` gave. Raises TypeError when it is of another kind."""
        if not isinstance(self._service, kind):
            raise TypeError(f"the service of {self.command.adapter} is {type(self._service).__name__}, not {kind}")
        return self._service

    async def step(
        self,
        name: str,
        action: Callable[[], Coroutine[Any, Any, T]],
        *,
        undo: Undo | None = None,
        result: Any = Any,
    ) -> T:
        """Run `action` durably under a name that is unique within the operation.

        `result` is the type to give a stored result back as. `undo` takes the step back, also when the action
        only half happened; it must be idempotent too.

        Raises Cancelled, Fenced, StepOrderError, or what the action raises.
        """
        if name in self._seen:
            raise StepOrderError(f"step {name!r} is used twice in {self.command.kind}: give each its own name")
        self._seen.add(name)
        history = self._journal.history
        done = name in history.completed
        if not done:
            self.check_cancelled()
            if self._unwinding is not None:
                raise Reject(self._unwinding)
        if undo is not None and name not in history.undone:
            self._undo.append((name, undo))
        if done:
            return msgspec.convert(history.completed[name], result)  # type: ignore[no-any-return]  # as the caller says
        return await self._run(name, action)

    async def _run(self, name: str, action: Callable[[], Coroutine[Any, Any, T]]) -> T:
        await self._journal.append(operations.StepStarted(step=name, attempt=self.attempt))
        with tracing.span(f"step {name}"):
            try:
                value = await self._control.unless_cancelled(action())
            except (Cancelled, Fenced):
                raise
            except Exception as error:
                failed = operations.StepFailed(step=name, attempt=self.attempt, failure=as_failure(error))
                await self._journal.append(failed)
                raise
        stored = msgspec.to_builtins(value)
        await self._journal.append(operations.StepCompleted(step=name, attempt=self.attempt, result=stored))
        return value

    async def progress(self, message: str, percent: float | None = None) -> None:
        """Tell people what happens now."""
        await self._journal.append(operations.OperationProgressed(message=message, percent=percent))

    def check_cancelled(self) -> None:
        """Raises Cancelled when somebody asked the operation to stop."""
        if self._control.is_cancelled:
            raise Cancelled(f"operation {self.command.operation} was cancelled")

    async def sleep(self, seconds: float) -> None:
        """Wait; raises Cancelled as soon as somebody asks for it."""
        if await self._control.wait(seconds):
            self.check_cancelled()

    async def undo_all(self) -> bool:
        """Take back what was done, last step first; whether all of it worked. For the host."""
        clean = True
        while self._undo:
            name, undo = self._undo.pop()
            failure = None
            try:
                await undo()
            except Exception as error:  # an undo must never stop the others: it is told, and the rest goes on
                log.exception("undoing step %s failed", name)
                failure = as_failure(error)
            clean = clean and failure is None
            await self._journal.append(operations.StepUndone(step=name, failure=failure))
        return clean
