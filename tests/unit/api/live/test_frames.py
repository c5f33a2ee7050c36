"""Events as frames of the stream: one line of JSON each, whatever was published."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import bus as mwbus
from meshwright.ui_api.live import frames
from meshwright.ui_api.live.streaming import EventFilter


def received(payload: bytes, type: str = "dev.meshwright.thing.happened.v1", subject: str = "") -> mwbus.Received:
    """A stored message."""
    return mwbus.Received(
        stream="EVENTS",
        subject=subject or "mw.evt.default.envoy.mesh.demo",
        seq=42,
        time=1_700_000_000_000_000_000,
        headers={"ce-type": type, "ce-source": "meshwright/envoy"},
        payload=payload,
    )


@given(st.binary(max_size=200))
def test_a_frame_is_one_event_whatever_the_payload(payload: bytes) -> None:
    """No payload can break out of its line: a frame has an id, one line of JSON and an empty line, nothing else."""
    frame = frames.Kept(received(payload)).frame
    head, data, *rest = frame.split(b"\n")
    assert head == b"id: 42"
    assert data.startswith(b"data: ")
    assert rest == [b"", b""]
    event = msgspec.json.decode(data.removeprefix(b"data: "))
    assert (event["id"], event["workspace"], event["entity"], event["entity_id"]) == (42, "default", "mesh", "demo")


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists))
def test_json_arrives_as_it_was_sent(value: object) -> None:
    """A payload that is JSON, on one line or on many, is the same data for the reader."""
    for payload in (msgspec.json.encode(value), msgspec.json.format(msgspec.json.encode(value), indent=2)):
        line = frames.Kept(received(payload)).frame.split(b"\n")[1]
        assert msgspec.json.decode(line.removeprefix(b"data: "))["data"] == value


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (EventFilter(workspace="default"), True),
        (EventFilter(workspace="other"), False),
        (EventFilter(workspace="default", types=["dev.meshwright.thing"]), True),
        (EventFilter(workspace="default", types=["dev.meshwright.thi"]), False),
        (EventFilter(workspace="default", types=["dev.meshwright.thing.happened.v1"]), True),
        (EventFilter(workspace="default", entities=["proxy"]), False),
        (EventFilter(workspace="default", entities=["proxy", "mesh"]), True),
        (EventFilter(workspace="default", ids=["demo"]), True),
        (EventFilter(workspace="default", ids=["dem"]), False),
        (EventFilter(workspace="default", operations=["demo"]), False),
    ],
)
def test_a_client_sees_what_it_asked_for(wanted: EventFilter, matches: bool) -> None:
    """Workspace, types by their beginning up to a dot, entities, ids; an operation is wanted as an operation."""
    assert wanted.match(frames.Kept(received(b"{}"))) is matches


def test_what_belongs_to_nobody_is_for_all() -> None:
    """Facts of the system (adapters coming and going) reach every workspace."""
    kept = frames.Kept(received(b"{}", subject="mw.evt.system.scheduler.adapter.envoy"))
    assert EventFilter(workspace="default").match(kept)


def test_a_reset_is_an_event_of_its_own() -> None:
    """It names its reason, and its id is where the client goes on."""
    assert frames.reset("slow", 9) == b'id: 9\nevent: reset\ndata: {"reason":"slow","id":9}\n\n'
