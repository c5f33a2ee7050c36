"""From the JSON form of an xDS resource to the bytes that a proxy receives.

Problem: the protobuf types are pure Python and encode about one virtual host per millisecond, while a change
must reach twenty proxies within a quarter of a second. Invariant: the same JSON always gives the same bytes,
so each top-level piece of a resource is encoded once and remembered by its content; pieces are put together
by concatenation, which protobuf defines as merging. A changed split costs one virtual host, not a mesh.
"""

import importlib
import re
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from meshwright.adapters.envoy import wire
from meshwright.adapters.envoy.resources.snapshot import Resource

_TYPE_PREFIX = "type.googleapis.com/"
_PACKAGE = re.compile(r"^(envoy|google|udpa|xds)(\.[a-z0-9_]+)+$")
_CACHED = 4096

K = TypeVar("K")


class InvalidResource(ValueError):
    """A resource's JSON form does not fit its type; the text says what is wrong."""


class Encoder:
    """Encodes resources, remembering them and their pieces by content, in bounded memory."""

    def __init__(self) -> None:
        self._resources = _Memory[str](_CACHED)
        self._pieces = _Memory[tuple[str, str, bytes]](_CACHED)

    def packed(self, resource: Resource) -> bytes:
        """The resource as an encoded `google.protobuf.Any`.

        Raises InvalidResource.
        """
        found = self._resources.get(resource.digest)
        if found is None:
            found = wire.packed(resource.type, b"".join(self._encoded_pieces(resource.type, resource.body)))
            self._resources.put(resource.digest, found)
        return found

    def _encoded_pieces(self, type_url: str, body: dict[str, Any]) -> Iterator[bytes]:
        for name, value in body.items():
            if isinstance(value, list):
                yield from (self._piece(type_url, name, [item]) for item in value)
            else:
                yield self._piece(type_url, name, value)

    def _piece(self, type_url: str, name: str, value: Any) -> bytes:
        key = (type_url, name, msgspec.json.encode(value, order="deterministic"))
        found = self._pieces.get(key)
        if found is None:
            found = encode(type_url, {name: value})
            self._pieces.put(key, found)
        return found


class _Memory(Generic[K]):
    """Remembers encoded bytes in two generations of bounded size; what is not used for one generation is forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[K, bytes] = {}
        self._old: dict[K, bytes] = {}

    def get(self, key: K) -> bytes | None:
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: bytes) -> None:
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}
        self._young[key] = value


def encode(type_url: str, body: dict[str, Any]) -> bytes:
    """The protobuf encoding of one message given in its JSON form.

    Raises InvalidResource when the type is unknown or the body does not fit it.
    """
    message = message_type(type_url)
    _load_types(body)
    try:
        return bytes(message.from_dict(body))
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise InvalidResource(_words(type_url, error)) from error


def message_type(type_url: str) -> Any:
    """The message class of a type URL, imported on first use so that a worker holds only what it serves.

    Raises InvalidResource.
    """
    package, _, name = type_url.removeprefix(_TYPE_PREFIX).rpartition(".")
    if not type_url.startswith(_TYPE_PREFIX) or not _PACKAGE.match(package):
        raise InvalidResource(f"{type_url!r} is not an xDS type URL such as {_TYPE_PREFIX}envoy.config.cluster.v3.Cluster")
    try:
        module = importlib.import_module(f"envoy_data_plane.{package}")
    except ImportError as error:
        raise InvalidResource(f"there is no xDS package {package}") from error
    pool = importlib.import_module("envoy_data_plane.message_pool").default_message_pool
    found = pool.url_to_type.get(type_url) or getattr(module, name, None)
    if found is None:
        raise InvalidResource(f"the package {package} has no message {name}")
    return found


def _load_types(value: Any) -> None:
    if isinstance(value, dict):
        if isinstance(value.get("@type"), str):
            message_type(value["@type"])
        for inner in value.values():
            _load_types(inner)
    elif isinstance(value, list):
        for inner in value:
            _load_types(inner)


def _words(type_url: str, error: Exception) -> str:
    reason = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return f"{type_url.rpartition('.')[2]}: {reason}"
