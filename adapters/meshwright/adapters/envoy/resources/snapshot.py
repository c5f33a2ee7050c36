"""The snapshot: for every proxy of a mesh, every resource that it should have, with versions made of content.

Invariant: equal content has an equal version on every replica, so a proxy that moves to another replica, or a state
that is restored, is recognised; resources that proxies share are one object with one version.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec


class Resource(msgspec.Struct, frozen=True):
    """One resource in its JSON form; `digest` names its content."""

    type: str
    name: str
    body: dict[str, Any]
    digest: str


class TypeSet(msgspec.Struct, frozen=True):
    """All resources of one type for one proxy, in the order in which they are sent."""

    resources: tuple[Resource, ...]
    version: str

    def named(self, wanted: Iterable[str]) -> "TypeSet":
        """Only the resources with these names."""
        names = set(wanted)
        return type_set(each for each in self.resources if each.name in names)


class ProxySnapshot(msgspec.Struct, frozen=True):
    """The resources of one proxy; its certificates come from elsewhere."""

    types: dict[str, TypeSet]
    version: str


class Snapshot(msgspec.Struct, frozen=True):
    """The resources of all proxies of a mesh. `state` is the version of the desired state behind it."""

    state: str
    proxies: dict[str, ProxySnapshot]

    def named(self, type_url: str, name: str) -> Iterator[Resource]:
        """The resources of this type and name, each content once."""
        resources = (
            (each.digest, each)
            for proxy in self.proxies.values()
            for each in proxy.types[type_url].resources
            if each.name == name
        )
        yield from dict(resources).values()


def resource(type_url: str, body: dict[str, Any]) -> Resource:
    """A resource from its JSON form, which must have a `name`."""
    text = msgspec.json.encode([type_url, body], order="deterministic")
    return Resource(type_url, str(body["name"]), body, _digest([text]))


def type_set(resources: Iterable[Resource]) -> TypeSet:
    """A set of resources of one type with the version of their content."""
    members = tuple(resources)
    return TypeSet(members, _digest(each.digest.encode() for each in members))


def proxy_snapshot(types: dict[str, TypeSet]) -> ProxySnapshot:
    """The resources of one proxy with the version of all of them."""
    return ProxySnapshot(types, _digest(f"{url} {each.version}".encode() for url, each in sorted(types.items())))


def _digest(texts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for text in texts:
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()
