"""Messages as they were once sent. Invariant: a golden is added, never edited, and stays readable."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from meshwright.schemas import catalog, intents, operations
from meshwright.schemas.base import Message
from meshwright.schemas.documents import asyncapi
from meshwright.schemas.documents import jsonschema as published

FOLDER = Path(__file__).parent / "messages"
GOLDENS = {path.name.removesuffix(".json"): json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
each_golden = pytest.mark.parametrize("name", sorted(GOLDENS))
each_message = pytest.mark.parametrize("name", sorted(catalog.BY_NAME))


def lost(before: Any, after: Any) -> bool:
    """Whether something of `before` is missing from `after`; fields that are new in `after` do not count."""
    if isinstance(before, dict) and isinstance(after, dict):
        return any(key not in after or lost(value, after[key]) for key, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) != len(after) or any(map(lost, before, after))
    return bool(before != after)


@each_message
def test_every_message_has_a_golden(name: str) -> None:
    """Nothing joins the catalog without an example that later versions must be able to read."""
    assert name in GOLDENS, f"write tests/contract/messages/{name}.json: the headers and data of one message"


@each_golden
def test_a_golden_decodes_and_says_the_same_again(name: str) -> None:
    """A message that was ever sent is understood, and nothing of it gets lost when it is sent on."""
    data = GOLDENS[name]["data"]
    message = catalog.decode(name, json.dumps(data).encode())
    assert isinstance(message, catalog.BY_NAME[name])
    assert not lost(data, json.loads(catalog.encode(message)))


@each_golden
def test_a_golden_fits_its_published_schema(name: str) -> None:
    """What is on the bus is what the schema promises to readers in other languages."""
    schema = published.schema(catalog.BY_NAME[name], name)
    jsonschema.Draft202012Validator(schema).validate(GOLDENS[name]["data"])


@each_golden
def test_a_golden_has_the_headers_of_a_cloud_event(name: str) -> None:
    """Any CloudEvents reader finds the attributes that AsyncAPI describes."""
    components = asyncapi.document()["components"]
    headers = GOLDENS[name]["headers"]
    jsonschema.validate(headers, components["messageTraits"]["cloudEvent"]["headers"])
    jsonschema.validate(headers, components["messages"][name]["headers"])


@each_golden
def test_an_unknown_field_is_skipped(name: str) -> None:
    """A newer sender may add a field without breaking this version."""
    data = GOLDENS[name]["data"]
    newer = json.dumps({**data, "added_in_a_later_version": {"deep": [1]}}).encode()
    assert catalog.decode(name, newer) == catalog.decode(name, json.dumps(data).encode())


@each_golden
def test_a_payload_that_does_not_fit_is_undecodable(name: str) -> None:
    """A message of the right name and the wrong shape is not taken for an unknown one."""
    with pytest.raises(catalog.UndecodableMessage, match=re.escape(name)):
        catalog.decode(name, b"[]")


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"\xff\xfe", b'{"result":"\xff"}', b'{"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
    ids=["empty", "cut", "not-utf8", "bad-text", "bottomless"],
)
def test_broken_bytes_are_undecodable(payload: bytes) -> None:
    """No bytes on the bus can raise anything but the one typed refusal."""
    with pytest.raises(catalog.UndecodableMessage):
        catalog.decode("dev.meshwright.operation.succeeded.v1", payload)


def test_a_time_without_a_zone_is_undecodable() -> None:
    """A time that cannot be compared with others is refused where it enters."""
    with pytest.raises(catalog.UndecodableMessage, match="timezone"):
        catalog.decode("dev.meshwright.operation.timed_out.v1", b'{"deadline":"2026-11-20T09:30:00"}')


@pytest.mark.parametrize("name", ["", "dev.meshwright.operation.started.v999", "com.example.else"])
def test_an_unknown_type_is_none(name: str) -> None:
    """A message of a type that this version does not know is unhandled, not an error, whatever it holds."""
    assert catalog.decode(name, b"not even JSON") is None


def subclasses(kind: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
    """The direct descendants that the contract itself defines."""
    return {result for result in kind.__subclasses__() if result.__module__.startswith("meshwright.schemas.")}


def test_the_catalog_is_complete_and_unambiguous() -> None:
    """Every message, operation and intent is listed, and a wire name belongs to one Struct."""
    assert subclasses(Message) == set(catalog.MESSAGE_TYPES)
    assert len(catalog.BY_NAME) == len(catalog.MESSAGE_TYPES)
    assert subclasses(operations.Arguments) == {*operations.OPERATION_TYPES, operations.FormerArguments}
    former = {kind.former for kind in operations.OPERATION_TYPES if kind.former}
    assert subclasses(operations.FormerArguments) == former
    kinds = {(kind.kind.name, kind.kind.version) for kind in operations.OPERATION_TYPES}
    assert len(kinds) == len(operations.OPERATION_TYPES)
    assert subclasses(intents.Intent) == set(intents.INTENT_TYPES) == set(intents.AnyIntent.__args__)


@each_message
def test_a_wire_name_is_versioned_and_names_its_entity(name: str) -> None:
    """A subscriber can filter by name and distinguish versions."""
    assert re.fullmatch(r"dev\.meshwright\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*", name)
    assert re.fullmatch(r"[a-z]+", catalog.BY_NAME[name].wire.entity)
