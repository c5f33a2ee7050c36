"""The ring of newest events: every client reads all of it once, in order, however it is cut meanwhile."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import bus as mwbus
from meshwright.ui_api.live import streaming
from meshwright.ui_api.live.streaming import Client, EventFilter, Hub


def message(seq: int, payload: bytes = b"{}") -> mwbus.Received:
    """A stored event."""
    subject = "mw.evt.default.envoy.mesh.demo"
    return mwbus.Received(stream="EVENTS", subject=subject, seq=seq, time=0, headers={"ce-type": "t"}, payload=payload)


def ring(first: int = 1) -> Hub:
    """A ring that begins at a sequence; its bus is never asked here."""
    hub = Hub(cast(Any, None))
    hub.first = first
    return hub


def client_at(seq: int) -> Client:
    """A client that has seen everything up to a sequence."""
    result = Client(EventFilter(workspace="default"), "", "")
    result.seq = seq
    return result


def ids(frames: list[bytes]) -> list[int]:
    """The sequences of these frames."""
    return [int(frame.split(b"\n")[0].removeprefix(b"id: ")) for frame in frames]


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=40), st.lists(st.integers(0, 8), max_size=20), st.integers(1, 9)
)
def test_a_client_that_keeps_up_reads_everything_once(gaps: list[int], batches: list[int], limit: int) -> None:
    """Whatever the sizes of batches and of what it takes, a client gets each event once, in the stream's order."""
    seqs = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    hub, client, read, rest = ring(), client_at(0), list[int](), list(seqs)
    for size in [*batches, len(seqs)]:
        hub._keep(message(seq) for seq in rest[:size])
        rest = rest[size:]
        more = True
        while more:
            frames, more = hub.take(client, limit)
            assert len(frames) <= limit
            read += ids(frames)
    assert read == seqs
    assert not hub.behind(client)


def test_the_ring_is_bounded_by_count_and_by_bytes() -> None:
    """It never holds more than its limits for long, and says from where on it can answer."""
    for payload, most in ((b"{}", streaming.RING), (b"x" * 60_000, streaming.RING_BYTES // 60_000)):
        hub = ring()
        for seq in range(1, 3 * most):
            hub._keep([message(seq, payload)])
            assert len(hub._events) <= most + 1
        assert hub.first == hub._seqs[0]
        assert hub.last == 3 * most - 1


def test_who_falls_out_of_the_ring_is_noticed() -> None:
    """A client whose next event was cut off is behind; one that stands at the edge is not."""
    hub = ring()
    hub._keep(message(seq) for seq in range(1, streaming.RING + 2))
    assert hub.first > 1
    assert hub.behind(client_at(hub.first - 2))
    assert not hub.behind(client_at(hub.first - 1))
    frames, _ = hub.take(client_at(hub.first - 1), 1)
    assert ids(frames) == [hub.first]


def test_an_empty_ring_has_a_place() -> None:
    """Before the first event the newest sequence is the one before the ring's beginning."""
    hub = ring(first=10)
    assert hub.last == 9
    assert hub.take(client_at(9)) == ([], False)
    assert hub.behind(client_at(3))


def test_closing_ends_every_stream() -> None:
    """Clients that are there are woken to their end."""
    hub, clients = ring(), [client_at(0), client_at(0)]
    hub.clients.update(clients)
    hub.close()
    assert all(client.ended and client.wake.is_set() for client in clients)
    hub.left(clients[0])
    assert hub.clients == {clients[1]}
