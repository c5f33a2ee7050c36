"""Sending operations to an adapter as the API does, and reading their events. For tests.

Invariant: only the streams are read; an operation did what its events say.
"""

import datetime
from typing import Any

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.bus.client import requesting
from meshwright.core.operations import origins
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import catalog, designs, operations, subjects
from meshwright.schemas.base import Message

WORKSPACE = "default"


def command(*, seconds: float = 60, **fields: Any) -> operations.Command:
    """A new command with a deadline `seconds` from now; `fields` are the ones that matter."""
    now = datetime.datetime.now(datetime.UTC)
    usual: dict[str, Any] = {
        "operation": ids.fresh(),
        "workspace": WORKSPACE,
        "adapter": "example",
        "connection": "local",
        "mesh": "m1",
        "kind": "example.write",
        "principal": "tester",
        "accepted_at": now,
        "deadline": now + datetime.timedelta(seconds=seconds),
    }
    return operations.Command(**(usual | fields))


_PATIENCE = 30.0
"""seconds until a publish is given up, as `eventually` has; a process under test has a caller who asks again"""


class Sender:
    """Sends commands to one adapter on one connection."""

    def __init__(self, bus: mwbus.Connection, adapter: str, connection: str = "local") -> None:
        self.bus = bus
        self._adapter = adapter
        self._connection = connection

    async def ask(self, arguments: operations.Arguments, mesh: str = "m1", seconds: float = 60, **more: Any) -> str:
        """Publish a command with a deadline `seconds` from now; returns the id of its operation.

        `more` are further fields of the command. A server that restarts on a busy machine is waited for.
        """
        asked = self._command(arguments, mesh, seconds, **more)
        subject = subjects.fill(
            subjects.COMMANDS,
            workspace=WORKSPACE,
            adapter=self._adapter,
            connection=self._connection,
            queue=mesh if asked.mutates else subjects.UNORDERED,
            operation=asked.operation,
        )
        await self.bus.publisher.publish(subject, asked, id=asked.operation, expected_last=0, timeout=_PATIENCE)
        return asked.operation

    def _command(self, arguments: operations.Arguments, mesh: str, seconds: float, **more: Any) -> operations.Command:
        return command(
            seconds=seconds,
            adapter=self._adapter,
            connection=self._connection,
            mesh=mesh,
            kind=arguments.kind.name,
            version=more.pop("version", arguments.kind.version),
            mutates=arguments.kind.mutates,
            arguments=msgspec.to_builtins(arguments),
            **more,
        )

    async def preview(self, arguments: operations.Arguments, mesh: str = "m1", seconds: float = 60) -> designs.Preview:
        """The preview of an operation by a live worker. Raises requesting.ServiceRefused."""
        payload = msgspec.json.encode(self._command(arguments, mesh, seconds))
        answer = await requesting.request(self.bus, self._adapter, "preview", payload)
        return msgspec.json.decode(answer, type=designs.Preview)

    async def import_live(self, mesh: str = "m1", **more: Any) -> designs.ImportedDesign:
        """What a mesh has, read as a design by a live worker. Raises requesting.ServiceRefused."""
        request = designs.ImportRequest(workspace=WORKSPACE, connection=self._connection, mesh=mesh, live=True, **more)
        answer = await requesting.request(self.bus, self._adapter, "import", msgspec.json.encode(request))
        return msgspec.json.decode(answer, type=designs.ImportedDesign)

    async def cancel(self, operation: str, *, abandon: bool = False) -> None:
        """Request the cancellation of an operation, or to abandon it."""
        subject = origins.subject(WORKSPACE, origins.API, operation)
        await self.bus.publisher.publish(subject, operations.CancelRequested(principal="tester", abandon=abandon))

    async def events(self, operation: str) -> list[Message]:
        """The events of an operation so far, in stream order."""
        subject = subjects.fill(subjects.EVENTS, workspace=WORKSPACE, entity="operation", id=operation)
        messages: list[Message] = []
        seq = 1
        while message := await self.bus.following(subjects.EVENTS.stream, seq, subject):
            seq = message.seq + 1
            decoded = message.message()
            if decoded is not None:
                messages.append(decoded)
        return messages

    async def wait_for(self, operation: str, kind: type[Message], times: int = 1, timeout: float = 20) -> list[Message]:
        """The events of an operation once it has ended, or once there are that many of that kind."""

        async def published() -> list[Message]:
            events = await self.events(operation)
            enough = sum(isinstance(event, kind) for event in events) >= times
            return events if enough or has_ended(events) else []

        return await eventually(published, timeout=timeout)

    async def end(self, operation: str, timeout: float = 20) -> list[Message]:
        """The events of an operation once it has ended."""

        async def ended() -> list[Message]:
            events = await self.events(operation)
            return events if has_ended(events) else []

        return await eventually(ended, timeout=timeout)


def has_ended(events: list[Message]) -> bool:
    """Whether a terminal event is among these."""
    return any(event.wire.name in catalog.TERMINAL_TYPES for event in events)


def kinds(events: list[Message]) -> list[str]:
    """The short names of events, as in `started`, without the acceptance that the server copies in."""
    return [event.wire.name.split(".")[-2] for event in events if not isinstance(event, operations.Command)]
