"""The two messages of the discovery protocol, encoded and decoded by hand.

Problem: an Envoy's first request lists hundreds of extensions, and each ACK of each proxy is decoded here; decoding
them with general types costs more than everything else together. Invariant: exactly the fields that ADS needs are
decoded, unknown ones are skipped, and a test compares these functions with the generated types.
"""

from collections.abc import Iterator

import msgspec

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """The bytes are not a protobuf message."""


class DiscoveryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request or answer of a proxy. `error` is None unless it rejected the response named by `nonce`."""

    type_url: str
    version: str = ""
    nonce: str = ""
    names: tuple[str, ...] = ()
    node_id: str = ""
    proxy_version: str = ""
    error: str | None = None


def varint(value: int) -> bytes:
    """A non-negative integer in base 128."""
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: bytes) -> bytes:
    """A length-delimited field: bytes, text or message."""
    return varint(number << 3 | _BYTES) + varint(len(value)) + value


def text(number: int, value: str) -> bytes:
    """A string field."""
    return field(number, value.encode())


def packed(type_url: str, message: bytes) -> bytes:
    """A `google.protobuf.Any`."""
    return text(1, type_url) + field(2, message)


def response(type_url: str, version: str, resources: list[bytes], nonce: str) -> bytes:
    """A DiscoveryResponse; `resources` are encoded `google.protobuf.Any`."""
    return text(1, version) + b"".join(field(2, each) for each in resources) + text(4, type_url) + text(5, nonce)


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message in order; scalar ones are skipped.

    Raises Malformed.
    """
    for number, value in _values(message):
        if isinstance(value, bytes):
            yield number, value


def _values(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    position, end = 0, len(message)
    while position < end:
        tag, position = _read_varint(message, position)
        kind = tag & 7
        if kind == _BYTES:
            length, position = _read_varint(message, position)
            if position + length > end:
                raise Malformed("a field is longer than its message")
            yield tag >> 3, message[position : position + length]
            position += length
        elif kind == _VARINT:
            value, position = _read_varint(message, position)
            yield tag >> 3, value
        elif kind in (_FIXED32, _FIXED64):
            position += 4 if kind == _FIXED32 else 8
        else:
            raise Malformed(f"wire type {kind} is not in use")


def read_request(message: bytes) -> DiscoveryRequest:
    """Decode a DiscoveryRequest.

    Raises Malformed.
    """
    plain = {1: "", 4: "", 5: ""}
    names: list[str] = []
    node, error = b"", None
    for number, value in fields(message):
        if number in plain:
            plain[number] = _text(value)
        elif number == 2:
            node = value
        elif number == 3:
            names.append(_text(value))
        elif number == 6:
            error = _first_text(value, 2) or "rejected without a reason"
    return DiscoveryRequest(
        version=plain[1],
        type_url=plain[4],
        nonce=plain[5],
        names=tuple(names),
        node_id=_first_text(node, 1),
        proxy_version=_version(node),
        error=error,
    )


def _version(node: bytes) -> str:
    build = next((value for number, value in fields(node) if number == 8), b"")
    semantic = next((value for number, value in fields(build) if number == 1), b"")
    parts = {number: value for number, value in _values(semantic) if isinstance(value, int)}
    return ".".join(str(parts.get(number, 0)) for number in (1, 2, 3)) if parts else ""


def _first_text(message: bytes, number: int) -> str:
    return next((_text(value) for field, value in fields(message) if field == number), "")


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while position < len(message) and shift < 70:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    raise Malformed("a number does not end")
