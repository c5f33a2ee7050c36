"""The context that a handler gets: durable steps, progress, cancellation.

Invariant: `step` runs its action at most once to completion over all attempts of the operation; what it
returned is stored and given back to later attempts. Actions must be idempotent, since a crash between the
effect and its record runs them again. Undoing goes in reverse order and skips what is already undone.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from meshwright.core import ending
from meshwright.core.bus import BusUnavailable
from meshwright.core.kit.base_context import BaseContext
from meshwright.core.kit.runtime import Runtime
from meshwright.core.operations.journal import Journal
from meshwright.core.operations.outcomes import Cancelled, Fenced, Retry, StepOrderError, as_failure
from meshwright.core.telemetry import tracing
from meshwright.schemas import operations

T = TypeVar("T")
Undo = Callable[[], Coroutine[Any, Any, None]]
log = logging.getLogger(__name__)
_OVERSLEPT = 1.0
"""seconds that a wait may be late before this process counts as having been paused"""
_UNDO_TRIES = 3
_UNDO_SECONDS = 30.0
"""how long taking a step back may take, unless the step says otherwise"""
_PATIENT_UNDO_SECONDS = 600.0


class Control:
    """How the host tells a running operation to stop: set once, seen between and inside steps."""

    def __init__(self) -> None:
        self._cancelled = asyncio.Event()
        self.request: operations.CancelRequested | None = None
        self.is_unwinding = False
        """the handler runs only up to the first step that was not completed, to say how the others are undone"""

    def cancel(self, request: operations.CancelRequested) -> None:
        """Ask the operation to stop."""
        self.request = request
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked the operation to stop."""
        return self._cancelled.is_set()

    @property
    def is_abandoned(self) -> bool:
        """Whether nothing is to be taken back."""
        return self.request is not None and self.request.abandon

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
                raise Cancelled("cancellation of the operation was requested")
            return await task
        finally:
            await ending.end(task, stop)


class Context(BaseContext):
    """What one attempt of one operation may use."""

    def __init__(
        self, command: operations.Command, runtime: Runtime, journal: Journal, control: Control, service: object
    ) -> None:
        super().__init__(command, runtime, service)
        self.attempt = journal.history.attempts
        self._journal = journal
        self._control = control
        self._seen: set[str] = set()
        self._undo: list[tuple[str, Undo, float]] = []
        self._is_undoing = False
        self._sure_at = time.monotonic()
        """when this worker last knew that the operation was its own"""

    async def step(
        self,
        name: str,
        action: Callable[[], Coroutine[Any, Any, T]],
        *,
        undo: Undo | None = None,
        undo_timeout: float = _UNDO_SECONDS,
        result: Any = Any,
    ) -> T:
        """Run `action` durably under a name that is unique within the operation.

        `result` is the type to give a stored result back as. `undo` takes the step back, also when the action
        only half happened; it must be idempotent too, and ends within `undo_timeout` seconds or counts as failed.

        Raises Cancelled, Fenced, StepOrderError, or what the action raises.
        """
        if name in self._seen:
            raise StepOrderError(f"step {name!r} is used twice in {self.command.kind}: give each its own name")
        self._seen.add(name)
        history = self._journal.history
        done = name in history.completed
        if undo is not None and name in history.not_undone:
            self._undo.append((name, undo, undo_timeout))
        if self._control.is_unwinding and (not done or self._seen.issuperset(history.begun)):
            raise Cancelled(f"operation {self.command.operation} is being undone")
        if done:
            return msgspec.convert(history.completed[name], result)  # type: ignore[no-any-return]  # as the caller says
        self.check_cancelled()
        if undo is not None and name not in history.begun:
            self._undo.append((name, undo, undo_timeout))
        return await self._run(name, action)

    async def patient_step(
        self,
        name: str,
        action: Callable[[], Coroutine[Any, Any, T]],
        *,
        undo: Undo | None = None,
        result: Any = Any,
    ) -> T:
        """A step that waits for servers that are away: until the operation's deadline; ten minutes to be undone.

        Raises what `step` raises, but no Retry.
        """
        back = None if undo is None else functools.partial(self.patiently, undo)
        forth = functools.partial(self.patiently, action)
        return await self.step(name, forth, undo=back, undo_timeout=_PATIENT_UNDO_SECONDS, result=result)

    async def _run(self, name: str, action: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self._sure_at = time.monotonic()
        await self._journal.append(operations.StepStarted(step=name, attempt=self.attempt))
        await self._confirm_if_paused(0.0)
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
        if not self._control.is_unwinding:
            await self._journal.append(operations.OperationProgressed(message=message, percent=percent))

    async def patiently(self, action: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the action gives, which is tried again whenever it raises Retry, until the operation's deadline.

        For servers that may be away for longer than an operation's attempts would last. Raises Cancelled, Fenced.
        """
        reported = ""
        while True:
            try:
                return await action()
            except Retry as retry:
                if retry.failure.what != reported:
                    reported = retry.failure.what
                    await self.progress(f"waiting: {reported}")
                await self.sleep(retry.after)

    def check_cancelled(self) -> None:
        """Raises Cancelled when somebody asked the operation to stop; not any more while it is taken back."""
        if self._control.is_cancelled and not (self._is_undoing or self._control.is_unwinding):
            raise Cancelled(f"operation {self.command.operation} was cancelled")

    async def sleep(self, seconds: float) -> None:
        """Wait; raises Cancelled as soon as somebody asks for it.

        Raises Fenced when this process was paused meanwhile and another worker has taken the operation over.
        """
        if self._is_undoing:
            await asyncio.sleep(seconds)
        elif self._control.is_unwinding:
            return
        elif await self._control.wait(seconds):
            self.check_cancelled()
        await self._confirm_if_paused(seconds)

    async def confirm(self) -> None:
        """Make sure that the operation is still this worker's. Raises Fenced when another one has taken it over.

        For the moment before an effect that would be wrong if it came late. A step's beginning is such a check, so
        only what follows a long wait within a step needs another.
        """
        await self._journal.confirm()

    async def _confirm_if_paused(self, expected: float) -> None:
        """Confirm when more time has passed than can be accounted for since this worker was last sure."""
        if time.monotonic() - self._sure_at > expected + _OVERSLEPT:
            await self.confirm()
        self._sure_at = time.monotonic()

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to take back. For the host."""
        return bool(self._undo)

    async def undo_all(self) -> bool:
        """Take back what was done, last step first; whether all of it worked. For the host.

        An undo that fails is told and the others go on. Raises Fenced, BusUnavailable: then another attempt goes on.
        """
        self._is_undoing, clean = True, True
        while self._undo:
            name, undo, seconds = self._undo[-1]
            try:
                await _bounded(undo, seconds)
                failure = None
            except (Fenced, BusUnavailable):
                raise
            except Exception as error:
                log.exception("undoing step %s failed", name)
                failure, clean = as_failure(error), False
            await self._journal.append(operations.StepUndone(step=name, failure=failure))
            self._undo.pop()
        return clean


async def _bounded(undo: Undo, seconds: float) -> None:
    """Run an undo within its time; one that asks for it is tried again a few times."""
    tries = 0
    while True:
        tries += 1
        try:
            async with asyncio.timeout(seconds) as bound:
                await undo()
                return
        except Retry as retry:
            if tries == _UNDO_TRIES:
                raise
            await asyncio.sleep(retry.after)
        except TimeoutError:
            if not bound.expired():
                raise
            raise TimeoutError(f"it timed out after {seconds:g} s") from None
