"""Encoding the JSON form of a message to protobuf bytes, by the field tables of the generated types.

Problem: building the generated objects only to encode them is slow, misreads names such as `consecutive_5xx`, and gives
no place for errors in a user's document. Invariant: every given field is encoded or refused with its place; the result
decodes to the same message that the generated types would make.
"""

import base64
import binascii
import functools
import importlib
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, cast

import betterproto2

from meshwright.adapters.envoy.xds import wire

_TYPE_PREFIX = "type.googleapis.com/"
_PACKAGE = re.compile(r"^(envoy|google|udpa|xds)(\.[a-z0-9_]+)+$")
_INTEGERS = {
    "int32": (-(2**31), 2**31),
    "int64": (-(2**63), 2**63),
    "uint32": (0, 2**32),
    "uint64": (0, 2**64),
}
_FIXED = {"double": "<d", "float": "<f", "fixed32": "<I", "fixed64": "<Q", "sfixed32": "<i", "sfixed64": "<q"}
_DEEPEST = 100
"""maximum number of parts of a pointer; Envoy itself reads no deeper message"""
_WIRE_TYPES = {"double": 1, "fixed64": 1, "sfixed64": 1, "float": 5, "fixed32": 5, "sfixed32": 5}


class InvalidResource(ValueError):
    """A resource's JSON form does not fit its type; the text has the place and the reason."""


def encode(type_url: str, body: Mapping[str, Any]) -> bytes:
    """The protobuf encoding of the message of this type.

    Raises InvalidResource when the type is unknown or the body does not fit it.
    """
    return _message(message_type(type_url), body, "")


@functools.lru_cache(maxsize=1024)
def message_type(type_url: str) -> type[betterproto2.Message]:
    """The message class of a type URL, imported on first use so that a worker loads only what it serves.

    Raises InvalidResource.
    """
    package, _, name = type_url.removeprefix(_TYPE_PREFIX).rpartition(".")
    if not type_url.startswith(_TYPE_PREFIX) or not _PACKAGE.match(package):
        raise InvalidResource(f"{type_url!r} is not a type URL such as {_TYPE_PREFIX}envoy.config.cluster.v3.Cluster")
    try:
        importlib.import_module(f"envoy_data_plane.{package}")
        pool = importlib.import_module("envoy_data_plane.message_pool").default_message_pool
        message_class: type[betterproto2.Message] = pool.url_to_type[type_url]
    except (ImportError, KeyError) as error:
        raise InvalidResource(f"this Meshwright knows no message {package}.{name}") from error
    return message_class


def full_name(kind: type[betterproto2.Message]) -> str:
    """The full protobuf name of a message, as in `envoy.config.cluster.v3.Cluster`."""
    pool = importlib.import_module("envoy_data_plane.message_pool").default_message_pool
    return str(pool.type_to_url[kind]).removeprefix(_TYPE_PREFIX)


def _message(kind: type[betterproto2.Message], value: Any, at: str) -> bytes:
    if kind.__name__ == "Any" and kind.__module__.endswith("google.protobuf"):
        return _any(value, at)
    if has_own_json(kind) or not isinstance(value, Mapping):
        return _by_library(kind, value, at)
    if at.count("/") > _DEEPEST:
        raise InvalidResource(f"{at[:200]}…: nested too deeply")
    return b"".join(_fields(kind, value, at))


def _fields(kind: type[betterproto2.Message], value: Mapping[str, Any], at: str) -> Iterator[bytes]:
    names, chosen, given = spellings(kind), dict[str, str](), dict[str, str]()
    for key, inner in value.items():
        name, place = names.get(key), f"{at}/{key}"
        if name is None:
            raise InvalidResource(f"{place}: {kind.__name__} has no field {key}")
        if given.setdefault(name, key) != key:
            raise InvalidResource(f"{place}: {given[name]} says the same; give one of them")
        if inner is None:
            continue
        meta = table(kind).meta_by_field_name[name]
        if meta.group and chosen.setdefault(meta.group, key) != key:
            raise InvalidResource(f"{place}: give either {chosen[meta.group]} or {key}, not both")
        yield from _field(kind, name, meta, inner, place)


def _field(
    kind: type[betterproto2.Message], name: str, meta: betterproto2.FieldMetadata, value: Any, at: str
) -> Iterator[bytes]:
    classes = table(kind).cls_by_field
    if meta.map_meta:
        if not isinstance(value, Mapping):
            raise InvalidResource(f"{at}: an object is needed")
        for key, inner in value.items():
            place = f"{at}/{key}"
            entry = _single(meta.map_meta[0], str, key, place)
            entry += _single(meta.map_meta[1], classes[f"{name}.value"], inner, place)
            yield wire.field(meta.number, entry)
    elif meta.repeated:
        if not isinstance(value, list):
            raise InvalidResource(f"{at}: a list is needed")
        for index, inner in enumerate(value):
            yield _single(meta, classes[name], inner, f"{at}/{index}")
    else:
        yield _single(meta, classes[name], value, at)


def _single(meta: betterproto2.FieldMetadata, kind: Any, value: Any, at: str) -> bytes:
    """One value with its tag."""
    if meta.proto_type == "message":
        return wire.field(meta.number, _message(meta.unwrap() if meta.unwrap else kind, value, at))
    try:
        return _scalar(meta.number, meta.proto_type, kind, value)
    except (TypeError, ValueError, KeyError, OverflowError, struct.error, binascii.Error) as error:
        raise InvalidResource(f"{at}: {value!r:.200} is no {meta.proto_type}") from error


def _scalar(number: int, proto: str, kind: Any, value: Any) -> bytes:
    if proto == "string":
        if not isinstance(value, str):
            raise TypeError(proto)
        return wire.text(number, value)
    if proto == "bytes":
        return wire.field(number, base64.b64decode(value, validate=True))
    if proto in _FIXED:
        return wire.varint(number << 3 | _WIRE_TYPES[proto]) + struct.pack(
            _FIXED[proto], float(value) if proto in ("double", "float") else int(value)
        )
    return wire.varint(number << 3) + wire.varint(_integer(proto, kind, value) & (2**64 - 1))


def _integer(proto: str, kind: Any, value: Any) -> int:
    if proto == "bool":
        if not isinstance(value, bool):
            raise TypeError(proto)
        return int(value)
    if proto == "enum":
        if isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31:
            return value
        renamed = kind.betterproto_renamed_proto_names_to_value().get(value)
        return int(renamed if renamed is not None else kind.from_string(value))
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeError(proto)
    number = int(value)
    if proto in ("sint32", "sint64"):
        return number << 1 if number >= 0 else (-number << 1) - 1
    low, high = _INTEGERS[proto]
    if not low <= number < high:
        raise ValueError(proto)
    return number


def _any(value: Any, at: str) -> bytes:
    if not isinstance(value, Mapping) or not isinstance(value.get("@type"), str):
        raise InvalidResource(f"{at}: an object with @type is needed")
    try:
        kind = message_type(value["@type"])
    except InvalidResource as error:
        raise InvalidResource(f"{at}/@type: {error}") from error
    body: Any = {key: inner for key, inner in value.items() if key != "@type"}
    if has_own_json(kind):
        body = body.get("value")
    return wire.packed(value["@type"], _message(kind, body, at))


def has_own_json(kind: type[betterproto2.Message]) -> bool:
    """Whether the type is one of protobuf's well-known ones with a JSON form of its own."""
    return kind.to_dict is not betterproto2.Message.to_dict


def _by_library(kind: type[betterproto2.Message], value: Any, at: str) -> bytes:
    try:
        return bytes(kind.from_dict(value))
    except RecursionError as error:
        raise InvalidResource(f"{at}: nested too deeply") from error
    except (TypeError, ValueError, KeyError, OverflowError, AttributeError, AssertionError) as error:
        raise InvalidResource(f"{at}: {value!r:.200} is no {kind.__name__}") from error


def table(kind: type[betterproto2.Message]) -> betterproto2.ProtoClassMetadata:
    """The field tables of a generated type; the library has them as private attributes, so they are read only here."""
    table: betterproto2.ProtoClassMetadata = cast(Any, kind)._betterproto
    return table


@functools.lru_cache(maxsize=4096)
def spellings(kind: type[betterproto2.Message]) -> dict[str, str]:
    """The field of each spelling: protobuf's own and lowerCamelCase."""
    names = {}
    for name in table(kind).meta_by_field_name:
        plain = name.rstrip("_")
        names[plain] = name
        names[camel(plain)] = name
    return names


def camel(name: str) -> str:
    """A field's name in lowerCamelCase, the same for both of its spellings."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
