"""Folding a dead letter from the scheduler's record and the actions of users.

Invariant: a dead letter that was dropped is removed from the view for good; a replayed one names the operation that
replaced it.
"""

import msgspec

from meshwright.core.operations.records import Fact, Unprojectable
from meshwright.schemas.dead_letters import DeadLetter, DeadLetterDropped, DeadLetterRecord, DeadLetterReplayed


def fold(before: DeadLetterRecord | None, fact: Fact) -> DeadLetterRecord | None:
    """The dead letter after one of its messages, or None when it was dropped."""
    message = fact.message
    assert isinstance(message, DeadLetter | DeadLetterReplayed | DeadLetterDropped)
    if message.operation != fact.id:
        raise Unprojectable(f"it is about {message.operation} but was published on the subject of {fact.id}")
    match message:
        case DeadLetter():
            return _kept(message, fact)
        case DeadLetterReplayed() if before is not None:
            return msgspec.structs.replace(
                before,
                state="replayed",
                replaced_by=message.replaced_by,
                principal=message.principal,
                note=message.reason,
            )
    return None


def _kept(message: DeadLetter, fact: Fact) -> DeadLetterRecord:
    return DeadLetterRecord(
        id=fact.id,
        workspace=fact.workspace,
        adapter=message.adapter,
        reason=message.reason,
        deliveries=message.deliveries,
        command_seq=message.command_seq,
        stored_at=message.stored_at,
    )
