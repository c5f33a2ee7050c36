"""Dead letters as they are folded: the newest word about a letter decides, told once or often."""

import datetime

import pytest

from meshwright.core import bus
from meshwright.core.bus import envelope
from meshwright.core.operations import records
from meshwright.core.operations.records import Unprojectable
from meshwright.core.store.writing import Folded
from meshwright.schemas import catalog, dead_letters
from meshwright.schemas.base import Message
from meshwright.workers.projector.folding.routes import applied, routes

DEAD, REPLACEMENT = "01JD8X3M5TZ9Q4W7V2K6N0B1CE", "01JD8X3M5TZ9Q4W7V2K6N0B1CF"
LETTER = dead_letters.DeadLetter(
    operation=DEAD,
    workspace="w",
    adapter="envoy",
    subject=f"mw.cmd.w.envoy.c.m.{DEAD}",
    command_seq=7,
    deliveries=5,
    reason="it was delivered 5 times",
    stored_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
)
REPLAYED = dead_letters.DeadLetterReplayed(operation=DEAD, replaced_by=REPLACEMENT, principal="ann", reason="mended")
DROPPED = dead_letters.DeadLetterDropped(operation=DEAD, principal="ann")


def folded(*messages: Message, id: str = DEAD) -> Folded | None:
    """The letter after these messages, each of which comes twice."""
    result: Folded | None = None
    for seq, message in enumerate(messages, 1):
        headers = envelope.write(envelope.Envelope(id=str(seq), source="test", type=message.wire.name))
        received = bus.Received(
            stream="DEADLETTERS",
            subject=f"mw.dlq.w.envoy.{id}",
            seq=seq,
            time=seq * 1_000_000_000,
            headers=headers,
            payload=catalog.encode(message),
        )
        fact = records.read(received)
        for _ in range(2):
            (route,) = routes(fact)
            result = applied(result, route, route.key(fact), fact) or result
    return result


def test_a_letter_keeps_why_it_died_when_it_is_replayed() -> None:
    """A replay adds who, why and what took its place, and takes nothing away."""
    result = folded(LETTER, REPLAYED)
    assert result is not None
    assert result.document == dead_letters.DeadLetterRecord(
        id=DEAD,
        workspace="w",
        adapter="envoy",
        state="replayed",
        reason=LETTER.reason,
        deliveries=5,
        command_seq=7,
        stored_at=LETTER.stored_at,
        replaced_by=REPLACEMENT,
        principal="ann",
        note="mended",
    )


@pytest.mark.parametrize("before", [(LETTER,), (LETTER, REPLAYED), ()], ids=["open", "replayed", "unknown"])
def test_a_dropped_letter_is_gone(before: tuple[Message, ...]) -> None:
    """Whatever was known of it."""
    result = folded(*before, DROPPED)
    assert result is not None
    assert result.document is None


def test_a_letter_on_the_subject_of_another_is_set_aside() -> None:
    """A message cannot speak for a letter that is not its subject's."""
    with pytest.raises(Unprojectable, match=DEAD):
        folded(LETTER, id=REPLACEMENT)
