"""Versions that mix on the bus: what a newer sender adds is skipped, what an older one lacks has its default."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.schemas import catalog, operations, strict
from meshwright.schemas.base import Message
from meshwright.schemas.documents import openapi

FOLDER = Path(__file__).parent / "messages"
GOLDENS: dict[str, Any] = {
    path.name.removesuffix(".json"): json.loads(path.read_text())["data"] for path in sorted(FOLDER.glob("*.json"))
}
each_golden = pytest.mark.parametrize("name", GOLDENS)
ODD: list[Any] = [None, True, -1, 1.5, "\x00", [], {}, [[]], {"": {}}]
free = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)
Place = tuple[str | int, ...]


def decoded(name: str, data: Any) -> Message:
    """The message, which must be understood."""
    result = catalog.decode(name, json.dumps(data).encode())
    assert result is not None
    return result


def structs(value: Any, place: Place = ()) -> Iterator[tuple[Place, msgspec.Struct]]:
    """The objects of the contract in a message, and where they stand."""
    if isinstance(value, msgspec.Struct):
        yield place, value
        for field in msgspec.structs.fields(value):
            yield from structs(getattr(value, field.name), (*place, field.encode_name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from structs(one, (*place, index))


def leaves(data: Any, place: Place = ()) -> Iterator[Place]:
    """Where something stands in plain data."""
    yield place
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, part in parts:
        yield from leaves(part, (*place, key))


def at(data: Any, place: Place) -> Any:
    """What stands there; None when it was left out."""
    for key in place:
        if isinstance(data, dict) and key not in data:
            return None
        data = data[key]
    return data


def put(data: Any, place: Place, value: Any) -> Any:
    """A copy with another value in one place."""
    if not place:
        return value
    changed = copy.deepcopy(data)
    at(changed, place[:-1])[place[-1]] = value
    return changed


@each_golden
def test_what_a_newer_version_adds_is_skipped_everywhere(name: str) -> None:
    """At whatever depth an object of the contract has got more fields, the rest of it is understood as before."""
    data = GOLDENS[name]
    message = decoded(name, data)
    newer = copy.deepcopy(data)
    for place, _ in structs(message):
        target = at(newer, place)
        if target is not None:
            target["added-in-a-later-version"] = {"deep": [1, None]}
    assert newer != data
    assert decoded(name, newer) == message


@each_golden
def test_what_an_older_version_lacks_has_its_default(name: str) -> None:
    """A field with a default may be missing, at whatever depth, and then it has just that."""
    data = GOLDENS[name]
    for place, result in structs(decoded(name, data)):
        for field in msgspec.structs.fields(result):
            target = at(data, place)
            if field.required or target is None or field.encode_name not in target:
                continue
            older = copy.deepcopy(data)
            del at(older, place)[field.encode_name]
            again: Any = dict(structs(decoded(name, older)))[place]
            default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            assert getattr(again, field.name) == default
            assert msgspec.structs.replace(again, **{field.name: getattr(result, field.name)}) == result


@each_golden
def test_a_required_field_is_required(name: str) -> None:
    """Without it the message is undecodable, instead of having an unintended meaning."""
    data = GOLDENS[name]
    for field in msgspec.structs.fields(catalog.BY_NAME[name]):
        if field.required:
            less = {key: value for key, value in data.items() if key != field.encode_name}
            with pytest.raises(catalog.UndecodableMessage, match=field.encode_name):
                decoded(name, less)


@each_golden
def test_a_wrong_value_anywhere_is_refused_in_one_way(name: str) -> None:
    """Whatever stands in whichever place, a message is understood, and then survives being sent on, or refused."""
    data = GOLDENS[name]
    for place in leaves(data):
        for value in ODD:
            try:
                result = decoded(name, put(data, place, value))
            except catalog.UndecodableMessage as error:
                assert str(error).startswith(f"{name}: ")
            else:
                assert catalog.decode(name, catalog.encode(result)) == result


@given(st.sampled_from(list(GOLDENS)), st.binary(max_size=6), st.integers(0, 10_000))
def test_damaged_bytes_are_refused_in_one_way(name: str, noise: bytes, place: int) -> None:
    """A payload with bytes overwritten is a message or undecodable, and a decoded message can be shown as text."""
    payload = bytearray(json.dumps(GOLDENS[name]).encode())
    start = place % len(payload)
    payload[start : start + len(noise)] = noise
    try:
        result = catalog.decode(name, bytes(payload))
    except catalog.UndecodableMessage:
        return
    assert isinstance(result, catalog.BY_NAME[name])
    assert bytes(payload).decode()


def test_a_message_cannot_be_changed_by_who_reads_it() -> None:
    """Several read one decoded message; none can change it for the others."""
    for name, data in GOLDENS.items():
        for _, result in structs(decoded(name, data)):
            for field in msgspec.structs.fields(result):
                with pytest.raises(AttributeError):
                    setattr(result, field.name, None)


@pytest.mark.parametrize("kind", [*openapi.RESOURCE_TYPES, *operations.OPERATION_TYPES], ids=lambda kind: kind.__name__)
@settings(max_examples=20)
@given(value=free)
def test_the_door_refuses_or_takes_in_full(kind: type[msgspec.Struct], value: Any) -> None:
    """Anything that a person may send is refused with a place, or is held by what it was taken for."""
    try:
        result = strict.decode(value, kind)
    except strict.InvalidDocument as refusal:
        assert refusal.errors
        assert all(error.pointer.startswith("#") and error.detail for error in refusal.errors)
    else:
        assert value == {} or set(value) <= set(msgspec.to_builtins(result))
