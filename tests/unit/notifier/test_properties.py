"""What holds for any ledger, schedule, answer and event, whatever came before."""

import datetime
import math
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from meshwright.core import bus, event_filters
from meshwright.core.bus import Position, envelope
from meshwright.schemas.sealing import Sealed
from meshwright.schemas.webhooks import Webhook, WebhookWritten
from meshwright.workers.notifier import cloud_events
from meshwright.workers.notifier.backoff import Schedule
from meshwright.workers.notifier.ledger import Ledger, Snapshot, Waiting, resumed
from meshwright.workers.notifier.posting import _seconds

BORN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EMPTY = Snapshot(created_at=BORN, since=10, version=1, read=10)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "first", "start", "settle", "again", "hurry"]), st.integers(1, 6), st.integers(0, 9)
    )
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
places = st.integers(0, 200)


@given(STEPS)
def test_what_is_due_is_started_and_nothing_else_is(steps: list[tuple[str, int, int]]) -> None:
    """An event is started when it is due and not before, once at a time, the longest due first; whoever sleeps until
    the next one is due misses none.
    """
    ledger = Ledger(EMPTY)
    due: dict[int, float] = {}
    trying: dict[int, Waiting] = {}
    for now, (what, event, pause) in enumerate(steps):
        if what in ("take", "first") and event not in trying:
            ledger.take(event, first=what == "first")
            due[event] = -1.0 if what == "first" else 0.0
        elif what == "settle" and event in trying:
            ledger.settled(event)
            del trying[event]
        elif what == "again" and event in trying:
            ledger.retry(trying.pop(event), now + pause)
            due[event] = now + pause
        elif what == "hurry":
            ledger.hurry()
            due = dict.fromkeys(due, 0.0)
        elif what == "start":
            one = ledger.start(now)
            ready = {each: at for each, at in due.items() if at <= now}
            assert (one is None) == (not ready)
            if one is not None:
                assert ready[one.event] == min(ready.values())
                trying[one.event] = one
                del due[one.event]
        waits = ledger.next_due()
        assert not due or (waits is not None and waits <= min(due.values()))


@given(st.lists(st.integers(-5, 40), max_size=6), st.integers(1, 30))
def test_reading_never_goes_forward_by_a_replay(targets: list[int], read: int) -> None:
    """A replay takes reading back to the earliest place that was asked for, and never before the stream's first."""
    ledger = Ledger(EMPTY)
    ledger.read = Position(seq=read)
    for count, to in enumerate(targets, 1):
        ledger.rewind(to)
        assert ledger.rewinds == count
    assert ledger.read.seq == max(min([read, *targets]), 0)


def written(since: int, as_of: int, created_at: datetime.datetime) -> WebhookWritten:
    """A version of a webhook."""
    sealed = Sealed(key_id="k", nonce=b"", ciphertext=b"")
    document = Webhook(id="w", url="https://example.com")
    return WebhookWritten(
        document=document, secret=sealed, created_at=created_at, since=since, as_of=as_of, principal="ann"
    )


@given(places, places, places, places, places, st.booleans(), st.booleans())
def test_a_new_version_skips_nothing_that_it_is_owed(
    read: int, ordered: int, since: int, as_of: int, waiting: int, enabled_anew: bool, born_anew: bool
) -> None:
    """Whatever was read of the old version, the new one reads from where it was written at the latest, and no further
    than the old one had come; what still waits waits on, unless it was another webhook's.
    """
    at = BORN + datetime.timedelta(seconds=read)
    stored = Snapshot(
        created_at=BORN,
        since=since,
        version=1,
        read=read,
        read_at=at,
        ordered=ordered,
        waiting=[Waiting(waiting, 3, 9.0)],
    )
    born = BORN + datetime.timedelta(days=1) if born_anew else BORN
    version = written(since + enabled_anew, as_of, born)
    result = resumed(stored, version, 2)
    if enabled_anew or born_anew:
        assert (result.read, result.ordered, result.read_at) == (version.since, version.since, None)
    else:
        assert (result.read, result.ordered) == (min(read, as_of), ordered)
        assert result.read_at == (at if result.read == read else None)
    assert result.waiting == ([] if born_anew else [Waiting(waiting, 3)])
    assert (result.version, result.created_at) == (2, born)
    assert resumed(result, version, 2) == result


@given(st.lists(st.floats(0, 1e5), max_size=6), st.integers(1, 9), st.floats(0, 1e9))
def test_a_pause_is_the_schedules_or_what_the_endpoint_wants(
    pauses: list[float], attempts: int, retry_after: float
) -> None:
    """Give or take a fifth; never before the time that the endpoint names, up to a day; none after the last try."""
    result = Schedule(tuple(pauses)).pause(attempts, retry_after)
    if attempts > len(pauses):
        assert result is None
        return
    assert result is not None
    own, wanted = pauses[attempts - 1], min(retry_after, 24 * 3600.0)
    assert max(0.8 * own, wanted) <= result * (1 + 1e-9)
    assert result <= max(1.2 * own, wanted) * (1 + 1e-9)


@given(st.text(max_size=40) | st.datetimes().map(lambda moment: f"{moment:%a, %d %b %Y %H:%M:%S} +9900"))
@example("Fri, 31 Dec 9999 23:59:59 -1400")
@example("Mon, 01 Jan 0001 00:00:00 +1400")
@example("1" * 400)
@example("²")
@example("\ud800")
def test_no_answer_of_an_endpoint_breaks_its_runner(text: str) -> None:
    """Whatever it sends as Retry-After is a time of some length."""
    assert 0 <= _seconds(text) < math.inf


@given(st.lists(texts, max_size=3), st.lists(texts, max_size=3), texts, texts)
def test_a_filter_is_a_whole_name_or_its_beginning(
    types: list[str], entities: list[str], type: str, entity: str
) -> None:
    """Nothing chosen means all; a type passes by its name or by a beginning up to a dot, an entity by its name."""
    result = event_filters.passes(type, entity, types, entities)
    by_type = not types or any(type.split(".")[: one.count(".") + 1] == one.split(".") for one in types)
    assert result == (by_type and (not entities or entity in entities))


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=6).filter(
    lambda name: name not in {"data", "id", "source", "type", "subject", "time", "specversion", "datacontenttype"}
)


@given(
    st.binary(max_size=30) | st.sampled_from([b'{"a":[1]}', b"null", b'"\xc3\xa4"', b""]),
    texts,
    st.dictionaries(names, texts),
)
def test_every_event_can_be_sent(payload: bytes, about: str, extensions: dict[str, str]) -> None:
    """Its body is JSON with the attributes of a CloudEvent and its data as it was, as JSON or else as bytes."""
    made = envelope.Envelope(id="i d", source="meshwright/ä", type="dev.x.v1", subject=about, extensions=extensions)
    received = bus.Received(
        stream="EVENTS",
        subject="mw.evt.w.envoy.operation.x",
        seq=7,
        time=1,
        headers=envelope.write(made),
        payload=payload,
    )
    document: dict[str, Any] = msgspec.json.decode(cloud_events.structured(received))
    assert {"specversion", "id", "source", "type", "time", "datacontenttype"} <= document.keys()
    assert (document["sequence"], document["entityid"], document.get("subject", "")) == ("7", "x", about)
    if "data" in document:
        assert msgspec.json.decode(payload) == document["data"]
    else:
        assert msgspec.convert(document["data_base64"], bytes) == payload
