"""Consul's config entries as the kit's target wants them.

Invariant: the marks of ownership stand in an entry's `Meta` and nowhere else; what others keep there is kept.
https://developer.hashicorp.com/consul/docs/connect/config-entries.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from meshwright.adapters.consul.control_plane import marks
from meshwright.adapters.consul.control_plane.api import Api
from meshwright.adapters.consul.control_plane.normal import normal
from meshwright.core.kit.http_control_plane import Entry, Marked
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

GROUP = "consul"
KINDS = (
    *("proxy-defaults", "mesh", "service-defaults", "service-resolver", "service-splitter", "service-router"),
    *("ingress-gateway", "terminating-gateway", "service-intentions"),
)
"""in the order in which they are written: each may build on those before it"""
_ONE_OF_A_KIND = {"proxy-defaults": "global", "mesh": "mesh"}
_NOT_TCP = frozenset({"http", "http2", "grpc"})
_FEW = 2
_FIELD = re.compile(r"[A-Z][A-Za-z0-9]*")
_NAMES = frozenset({"Config", "Meta", "Subsets", "Failover", "Add", "Set"})
"""maps whose keys are not fields"""


def ref_of(kind: str, name: str) -> ResourceRef:
    """The reference of an entry."""
    return ResourceRef(group=GROUP, kind=kind, name=name)


class ConfigEntries:
    """Those of one Consul. Methods raise what `Api` does."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def read(self, refs: Collection[ResourceRef]) -> dict[ResourceRef, Entry]:
        """Those of these that are there; many of one kind are listed at once."""
        found: dict[ResourceRef, dict[str, Any]] = {}
        for kind in KINDS:
            wanted = {ref for ref in refs if (ref.group, ref.kind) == (GROUP, kind)}
            if len(wanted) > _FEW:
                found |= {ref_of(kind, _name(each)): each for each in await self._api.entries(kind)}
                continue
            for ref in wanted:
                if (one := await self._api.entry(kind, ref.name)) is not None:
                    found[ref] = one
        return {ref: entry_of(found[ref]) for ref in refs if ref in found}

    async def every(self, kind: str) -> dict[ResourceRef, Entry]:
        """All entries of a kind."""
        return {ref_of(kind, _name(each)): entry_of(each) for each in await self._api.entries(kind)}

    async def write(self, ref: ResourceRef, entry: Marked, version: str) -> bool:
        """Write one with its marks."""
        meta = {**entry.body.get("Meta", {}), **marks.written(entry)}
        body = {**entry.body, "Meta": meta} if meta else dict(entry.body)
        if ref.kind == "mesh":  # which alone has no name
            del body["Name"]
        return await self._api.put(body, version or "0")

    async def remove(self, ref: ResourceRef, version: str) -> bool:
        """Remove one."""
        return await self._api.delete(ref.kind, ref.name, version)

    def normal(self, ref: ResourceRef, body: dict[str, Any]) -> dict[str, Any]:
        """As Consul would give it back."""
        return normal(ref.kind, ref.name, body)

    def problems(self, ref: ResourceRef, body: dict[str, Any]) -> list[FieldError]:
        """What is no config entry, or would not be the one that is named."""
        return problems(ref, body)

    def rank(self, ref: ResourceRef) -> int:
        """Its place among the kinds."""
        return KINDS.index(ref.kind) if ref.kind in KINDS else len(KINDS)

    def between(self, ref: ResourceRef, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any] | None:
        """The subsets of both, and the protocol that routes and splits still need."""
        both = dict(after)
        if ref.kind == "service-resolver":
            both["Subsets"] = {**before.get("Subsets", {}), **after.get("Subsets", {})}
        elif ref.kind == "service-defaults":
            both |= _protocol(before, after)
        elif ref.kind == "proxy-defaults":
            both["Config"] = {**after.get("Config", {}), **_protocol(before.get("Config", {}), after.get("Config", {}))}
        both = {key: value for key, value in both.items() if value != {}}
        return both if both != after else None


def entry_of(answer: Mapping[str, Any]) -> Entry:
    """An entry as Consul gives it."""
    kind, name, meta = str(answer["Kind"]), _name(answer), answer.get("Meta") or {}
    rest = {key: value for key, value in meta.items() if not key.startswith(marks.PREFIX)}
    return Entry(
        body=normal(kind, name, {**answer, "Meta": rest}),
        owners=marks.owners(meta),
        former=marks.former(meta),
        version=str(answer.get("ModifyIndex", "")),
        stranger=_stranger(meta),
    )


def problems(ref: ResourceRef, body: Mapping[str, Any]) -> list[FieldError]:
    """What is no config entry, or would not be the one that is named."""
    return [FieldError(detail=f"{ref}: {each}") for each in _problems(ref, body)]


def is_l7(protocol: str) -> bool:
    """Whether Consul routes requests of it."""
    return protocol in _NOT_TCP


def _name(answer: Mapping[str, Any]) -> str:
    return str(answer.get("Name") or _ONE_OF_A_KIND.get(str(answer.get("Kind")), ""))


def _stranger(meta: Mapping[str, Any]) -> str:
    source = meta.get("external-source")
    return f"somebody else, by {source}" if source else "somebody else: no design of Meshwright has made it"


def _protocol(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    was, will = str(before.get("Protocol") or before.get("protocol") or ""), after.get("Protocol", "")
    if not is_l7(was) or is_l7(str(will or after.get("protocol") or "")):
        return {}
    return {"Protocol" if "Protocol" in before else "protocol": was}


def _problems(ref: ResourceRef, body: Mapping[str, Any]) -> Iterator[str]:
    if ref.group != GROUP or ref.kind not in KINDS:
        yield f"the type must be {GROUP}/KIND, where KIND is one of {', '.join(KINDS)}"
        return
    only = _ONE_OF_A_KIND.get(ref.kind)
    if only and ref.name != only:
        yield f"Consul has one {ref.kind}, with the name {only}"
    if any(str(key).startswith(marks.PREFIX) for key in body.get("Meta") or {}):
        yield f"keys of Meta that begin with {marks.PREFIX} say whose an entry is, and are written by Meshwright alone"
    for key in sorted(set(_odd(body))):
        yield f"{key} is no field as Consul's API writes them: MaxConnections, not max_connections or maxConnections"


def _odd(value: Any, key: str = "") -> Iterator[str]:
    """Fields that Consul would take and give back under another name."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if key not in _NAMES and not _FIELD.fullmatch(str(name)):
                yield str(name)
            if key not in ("Config", "Meta", "Add", "Set"):
                yield from _odd(each, str(name))
    elif isinstance(value, list):
        for each in value:
            yield from _odd(each)
