"""Envelopes, ids and traces: pure text that must come out as it went in, and never be more than it seems."""

import functools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nats.aio.client import Client

from meshwright.core import bus, ids
from meshwright.core.bus import envelope
from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.telemetry import tracing
from meshwright.schemas import catalog

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
extensions = st.dictionaries(words, texts, max_size=3).map(
    lambda found: {f"x{name}": value for name, value in found.items()}
)
envelopes = st.builds(
    bus.Envelope,
    id=words,
    source=texts,
    type=st.sampled_from(sorted(catalog.BY_NAME)),
    subject=texts,
    time=st.just("2026-01-01T00:00:00Z"),
    traceparent=st.sampled_from(["", f"00-{'a' * 32}-{'b' * 16}-01"]),
    extensions=extensions,
)


@given(envelopes)
def test_an_envelope_is_read_as_it_was_written(written: bus.Envelope) -> None:
    """Also after the bytes of its headers passed through the client, in any spelling of names."""
    headers = envelope.write(written)
    assert envelope.read(headers) == written
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    for parsed in (NatsClient._parse_header_lines(raw), Client._parse_header_lines(raw)):
        assert envelope.read(parsed) == written
        assert envelope.read({name.swapcase(): value for name, value in parsed.items()}) == written


@given(envelopes)
def test_no_value_can_add_a_header(written: bus.Envelope) -> None:
    """Line ends, blanks and letters of any script are encoded, so a value stays one value."""
    headers = envelope.write(written)
    for name, value in headers.items():
        assert name.isascii()
        assert all("\x21" <= letter <= "\x7e" for letter in value), (name, value)


@given(st.dictionaries(st.sampled_from(["ce-id", "CE-SOURCE", "Ce-Type", "traceparent", "x"]), texts))
def test_headers_are_an_envelope_or_invalid(headers: dict[str, str]) -> None:
    """Three attributes make one; what is missing is named."""
    names = {name.lower() for name in headers}
    missing = [name for name in ("ce-id", "ce-source", "ce-type") if name not in names]
    if missing:
        with pytest.raises(bus.InvalidEnvelope, match=missing[0]):
            envelope.read(headers)
    else:
        assert envelope.read(headers).traceparent == headers.get("traceparent", "")


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=6, unique=True))
def test_ids_sort_as_they_were_born(moments: list[int]) -> None:
    """Whatever the random part, the id of a later millisecond sorts later; all are ULIDs of one length."""
    items = []
    with pytest.MonkeyPatch.context() as patch:
        for moment in sorted(moments):
            patch.setattr(time, "time_ns", functools.partial(int, moment * 1_000_000))
            items.append(ids.fresh())
    assert items == sorted(items)
    assert all(len(one) == 26 and set(one) <= set(ids._ALPHABET) for one in items)


@given(st.lists(texts.filter(lambda text: "\0" not in text), min_size=1, max_size=4), st.data())
def test_a_derived_id_separates_its_parts(parts: list[str], data: st.DataObject) -> None:
    """The same parts give the same id; other parts, or the same text divided otherwise, another."""
    other = data.draw(st.lists(texts.filter(lambda text: "\0" not in text), min_size=1, max_size=4) | st.just(parts))
    assert (ids.derived(*parts) == ids.derived(*other)) == (parts == other)
    assert ids.derived(*parts)[0] in "01234567"


@settings(max_examples=40)
@given(texts | st.from_regex(r"(00)?-[0-9a-f+_x]{0,40}-[0-9a-f]{0,20}-[0-9a-f]{0,3}", fullmatch=True))
@example(f"00-{'1' * 32}-{'2' * 16}-100")
@example(f"00-{'0' * 32}-{'0' * 16}-01")
@example("-1-1-1")
def test_a_trace_that_cannot_be_read_is_none(header: str) -> None:
    """Whatever a message carries, what is done under it runs, and its own trace is well-formed or none."""
    ran = False
    with tracing.continued(header), tracing.span("work"):
        ran = True
        own = tracing.traceparent()
        version, trace, span, flags = own.split("-")
        assert (version, len(trace), len(span)) == ("00", 32, 16)
        assert int(trace, 16)
        assert int(span, 16)
        assert len(flags) == 2
        assert tracing.trace_id() == trace
    assert ran
    assert tracing.traceparent() == ""


def test_a_trace_goes_on_and_errors_pass_through_it() -> None:
    """What is done for a message is of its trace; what goes wrong in it is the caller's to see, and the trace ends."""
    header = f"00-{'1' * 32}-{'2' * 16}-01"
    with pytest.raises(ValueError, match="mine"), tracing.continued(header), tracing.span("work"):
        assert tracing.traceparent() == header
        assert tracing.trace_id_of(header) == "1" * 32
        raise ValueError("mine")
    with pytest.raises(ValueError, match="mine"), tracing.continued("nonsense"):
        raise ValueError("mine")
    assert tracing.trace_id() == ""
