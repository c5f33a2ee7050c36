"""The ledger of a webhook: whatever happens, an event that was taken is settled or still there."""

import datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from meshwright.schemas.sealing import Sealed
from meshwright.schemas.webhooks import Webhook, WebhookWritten
from meshwright.workers.notifier.ledger import MAX_WAITING, Ledger, Snapshot, Waiting, resumed

BORN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EMPTY = Snapshot(created_at=BORN, since=10, version=1, read=10)
WHAT = st.sampled_from(["take", "start", "settle", "again", "hurry", "crash"])
STEPS = st.lists(st.tuples(WHAT, st.integers(11, 30)))


def written(since: int = 10, as_of: int = 10, created_at: datetime.datetime = BORN) -> WebhookWritten:
    return WebhookWritten(
        document=Webhook(id="w", url="https://example.com"),
        secret=Sealed(key_id="k", nonce=b"", ciphertext=b""),
        created_at=created_at,
        since=since,
        as_of=as_of,
        principal="ann",
    )


@given(STEPS)
def test_nothing_that_was_taken_is_lost(steps: list[tuple[str, int]]) -> None:
    """After any steps and crashes the unsettled events are just those that were taken and not settled."""
    ledger, owed = Ledger(EMPTY), set[int]()
    trying: dict[int, Waiting] = {}
    now = 0.0
    for what, event in steps:
        now += 1
        if what == "take":
            ledger.take(event)
            owed.add(event)
        elif what == "start" and (one := ledger.start(now)):
            assert one.event in owed
            assert one.event not in trying
            trying[one.event] = one
        elif what == "settle" and trying:
            done = trying.popitem()[0]
            ledger.settled(done)
            owed.discard(done)
        elif what == "again" and trying:
            ledger.retry(trying.popitem()[1], now + 2)
        elif what == "hurry":
            ledger.hurry()
        elif what == "crash":
            ledger, trying = Ledger(ledger.snapshot()), {}
        assert {one.event for one in ledger.snapshot().waiting} == owed
        assert ledger.trying == len(trying)
    stored = msgspec.json.decode(msgspec.json.encode(ledger.snapshot()), type=Snapshot)
    assert stored == ledger.snapshot()
    rest = Ledger(stored)
    collected = set()
    while one := rest.start(now + 2):
        collected.add(one.event)
        rest.settled(one.event)
    assert collected == owed


def test_tries_are_counted_and_wait_their_time() -> None:
    """A failed try comes again when it is due, not before, with one more on its count."""
    ledger = Ledger(EMPTY)
    ledger.take(11)
    one = ledger.start(0)
    assert one is not None
    ledger.retry(one, 50)
    assert ledger.start(49) is None
    assert ledger.next_due() == 50
    assert Ledger(ledger.snapshot()).start(49) is None  # nor after a restart
    assert ledger.start(50) == Waiting(11, 1, 50)


def test_a_ping_goes_first() -> None:
    """What a person waits for does not queue behind what waits by itself."""
    ledger = Ledger(EMPTY)
    ledger.take(11)
    ledger.take(12, first=True)
    assert [ledger.start(1), ledger.start(1)] == [Waiting(12, 0, -1.0), Waiting(11)]


def test_it_is_bounded() -> None:
    """When so many wait, there is no room until one is settled."""
    ledger = Ledger(EMPTY)
    for event in range(MAX_WAITING):
        assert ledger.has_room
        ledger.take(event)
    assert not ledger.has_room
    ledger.settled(0)
    assert ledger.has_room


def test_where_a_new_version_goes_on() -> None:
    """A new version goes on from its write, an enabled one from its enabling, a namesake from its own birth."""
    stored = Snapshot(created_at=BORN, since=10, version=1, read=90, ordered=80, waiting=[Waiting(85, 3, 1e12)])
    assert resumed(None, written(since=40), 7).read == 40
    assert resumed(stored, written(), 1) == stored
    changed = resumed(stored, written(as_of=70), 2)
    assert (changed.read, changed.version, changed.ordered, changed.waiting) == (70, 2, 80, [Waiting(85, 3)])
    assert resumed(stored, written(as_of=95), 2).read == 90
    enabled = resumed(stored, written(since=200, as_of=200), 3)
    assert (enabled.read, enabled.ordered, enabled.waiting) == (200, 200, [Waiting(85, 3)])
    namesake = resumed(stored, written(since=120, created_at=BORN + datetime.timedelta(days=1)), 4)
    assert (namesake.read, namesake.ordered, namesake.waiting) == (120, 120, [])
