"""The faster header parser says what the client's own says."""

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from meshwright.core.bus.client.lean import LeanClient

LINES = st.lists(st.binary(max_size=30) | st.sampled_from([b"ce-id: 1", b"a:b:c", b"A b: c", b"\xff: x", b"n:\t v "]))


@given(LINES.map(b"\r\n".join))
@example(b"Nats-Msg-Id: x\r\nce-source: a%20b\r\n\r\n")
def test_headers_are_the_same(raw: bytes) -> None:
    """Whatever bytes a server sends as headers, both parsers find the same."""
    assert LeanClient._parse_header_lines(raw) == Client._parse_header_lines(raw)
