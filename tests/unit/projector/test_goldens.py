"""Every kind of message, as it was once sent: folded, stored and read it is the same, in its own views only."""

import datetime
import json
from pathlib import Path
from typing import Any

import bson
import msgspec
import pytest
from bson.codec_options import CodecOptions

from meshwright.core import bus
from meshwright.core.bus import envelope
from meshwright.core.operations import folding as operations
from meshwright.core.operations import records
from meshwright.core.store import kinds
from meshwright.core.store.writing import Folded, _document, _replacement
from meshwright.schemas import catalog, subjects
from meshwright.schemas.documents import asyncapi
from meshwright.workers.projector import rows
from meshwright.workers.projector.folding.routes import applied, routes

FOLDER = Path(__file__).parents[2] / "contract" / "messages"
GOLDENS: dict[str, Any] = {
    path.name.removesuffix(".json"): json.loads(path.read_text())["data"] for path in sorted(FOLDER.glob("*.json"))
}
UNSEEN = {
    "dev.meshwright.token.written.v1",
    "dev.meshwright.webhook.pinged.v1",
    "dev.meshwright.webhook.replay_requested.v1",
    "dev.meshwright.webhook.disabled.v1",
    # Asks for nothing on its own: folded where it lies in STATE, of any kind.
    "dev.meshwright.resource.deleted.v1",
}
"""what no view shows"""
STREAM_OF = {
    kind.wire.name: stream
    for stream, messages in asyncapi.CHANNEL_MESSAGES.items()
    for kind in messages
    if stream not in (subjects.COMMANDS.stream, subjects.CONNECTIONS.stream)  # whose messages are in others too
    # What is written is copied into EVENTS for those who listen, and folded from STATE.
    and not (stream == subjects.EVENTS.stream and kind in asyncapi.CHANNEL_MESSAGES[subjects.STATE.stream])
}
OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
each_golden = pytest.mark.parametrize("name", GOLDENS)


def named(data: dict[str, Any]) -> str:
    """The id of what a message is about."""
    parts = [data, *(part for part in data.values() if isinstance(part, dict))]
    for part in parts:
        for field in ("operation", "id", "name", "mesh", "webhook"):
            if isinstance(part.get(field), str):
                return str(part[field])
    return "01JD8X3M5TZ9Q4W7V2K6N0B1CE"


def fact(name: str, seq: int = 5) -> records.Fact:
    """The golden as it lies in its stream."""
    stream, data = STREAM_OF[name], GOLDENS[name]
    entity = catalog.BY_NAME[name].wire.entity
    about = {
        "EVENTS": {"workspace": "w", "origin": "envoy", "entity": entity, "id": named(data)},
        "STATE": {"workspace": "w", "kind": "connection" if entity == "resource" else entity, "id": named(data)},
        "METRICS": {"workspace": "w", "origin": "envoy", "mesh": named(data)},
        "SEEN": {"workspace": "w", "connection": "prod", "id": named(data)},
        "DEADLETTERS": {"workspace": "w", "adapter": "envoy", "operation": named(data)},
    }[stream]
    channel = next(one for one in subjects.CHANNELS if one.stream == stream)
    received = bus.Received(
        stream=stream,
        subject=subjects.fill(channel, **about),
        seq=seq,
        time=1_700_000_000_123_456_789,
        headers=envelope.write(bus.Envelope(id="e", source="s", type=name)),
        payload=json.dumps(data).encode(),
    )
    return records.read(received)


def stored(folded: Folded) -> Any:
    """What a reader gets of a document that MongoDB has kept."""
    pipeline: Any = _replacement(folded)._doc
    (stage,) = pipeline
    row = stage["$replaceWith"]["$cond"][2]["$literal"]
    return _document(folded.kind, bson.decode(bson.encode(row), codec_options=OPTIONS))


@each_golden
def test_it_is_stored_and_read_as_it_was_folded(name: str) -> None:
    """Into each of its views, on nothing and on what it has made before, and the whole database can hold it."""
    result = fact(name)
    assert bool(routes(result)) == (name not in UNSEEN - {"dev.meshwright.resource.deleted.v1"})
    for route in routes(result):
        first = applied(None, route, route.key(result), result)
        assert first is not None
        assert (first.seq, first.workspace) == (5, "w")
        assert first.document is None or isinstance(first.document, route.kind.model)
        assert stored(first) == _to_milliseconds(first.document, route.kind.model)
        assert applied(first, route, route.key(result), result) is None
        later = fact(name, seq=6)
        if route.kind is not kinds.DESIGN_VERSIONS:
            again = applied(first, route, route.key(later), later)
            assert again is not None
            assert again.seq == 6


@each_golden
def test_the_log_holds_it_as_it_came(name: str) -> None:
    """Type, place and payload (without what is private to programs), in a row that the database can hold."""
    result = fact(name)
    row = rows.of_event(result)
    assert bson.decode(bson.encode(row))["_id"] == 5
    private = catalog.BY_NAME[name].private
    assert json.loads(row["data"]) == {key: value for key, value in GOLDENS[name].items() if key not in private}
    assert (row["type"], row["subject"], row["workspace"]) == (name, result.source.subject, "w")
    aside = rows.of_set_aside(result.source, "why" * 2000, result.time)
    assert (aside["_id"], len(aside["reason"])) == (f"{result.stream}/5", 2000)
    assert bson.encode(aside)


def test_what_is_copied_into_events_changes_no_view_there() -> None:
    """The copy of what people write is for those who listen; folded twice it would be of two streams."""
    for kind in asyncapi.CHANNEL_MESSAGES[subjects.STATE.stream]:
        original = fact(kind.wire.name)
        copy = msgspec.structs.replace(original, stream="EVENTS", origin="api")
        assert routes(copy) == ()


def test_every_message_of_an_operation_is_folded_into_it() -> None:
    """No event of the contract that speaks of an operation is forgotten by its view."""
    spoken_of = {kind for kind in catalog.MESSAGE_TYPES if kind.wire.entity == "operation"}
    letters = set(asyncapi.CHANNEL_MESSAGES[subjects.DEADLETTERS.stream])
    assert set(operations.TYPES) == spoken_of - letters


def _to_milliseconds(document: Any, model: Any) -> Any:
    """The document with its moments as BSON keeps them."""
    if document is None:
        return None
    plain = bson.decode(
        bson.encode(msgspec.to_builtins(document, builtin_types=(datetime.datetime,))), codec_options=OPTIONS
    )
    return msgspec.convert(plain, model)
