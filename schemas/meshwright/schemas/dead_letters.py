"""Dead letters: commands that no worker could finish or even read, and what became of each.

Invariant: a dead letter is kept for ever; replayed or dropped it is marked, and its marks are events of its operation.
"""

from typing import ClassVar, Literal

from meshwright.schemas.base import Message, Model, Moment, Ulid, Wire


class DeadLetter(Message, frozen=True, kw_only=True):
    """A command that could not be processed, stored with the reason; the original stays in COMMANDS."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.deadletter.stored.v1", "operation")
    operation: str
    workspace: str
    adapter: str
    subject: str
    command_seq: int
    deliveries: int
    reason: str
    stored_at: Moment


class DeadLetterReplayed(Message, frozen=True, kw_only=True):
    """A new operation replaced the one whose command is stored here."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.deadletter.replayed.v1", "operation")
    operation: str
    replaced_by: Ulid
    principal: str
    reason: str = ""


class DeadLetterDropped(Message, frozen=True, kw_only=True):
    """A user dropped a dead letter; it leaves the list, not the stream."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.deadletter.dropped.v1", "operation")
    operation: str
    principal: str
    reason: str = ""


class DeadLetterRecord(Model, frozen=True, kw_only=True):
    """A dead letter as users read it; `id` is that of its operation. `replaced_by` is the operation that replays it.

    `principal` and `note` are those of the replay.
    """

    id: str
    workspace: str
    adapter: str
    state: Literal["open", "replayed"] = "open"
    reason: str
    deliveries: int
    command_seq: int
    """sequence of the command in COMMANDS"""
    stored_at: Moment
    replaced_by: Ulid | None = None
    principal: str = ""
    note: str = ""
