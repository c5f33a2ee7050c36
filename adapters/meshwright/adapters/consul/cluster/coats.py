"""Config entries as the resources that Consul has of them in Kubernetes, and back.

Problem: the same entry has another spelling there (`maxConnections` for `MaxConnections`), intentions say in their spec
whom they are about, and the entries of all namespaces share one space of names. Invariant: putting a coat on and taking
it off again gives the same entry; where an entry is there already, in whatever namespace, that object is meant.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from meshwright.adapters.consul.cluster.words import GROUP, VERSION
from meshwright.adapters.consul.control_plane.entries import KINDS, ref_of
from meshwright.adapters.consul.importing.manifests import of_entry
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.http_control_plane import Entry
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef

Body = dict[str, Any]
_ACRONYMS = re.compile(r"(http|tls|jwt|sni|url|ca|id)(?![a-z])")
_VERBATIM = frozenset({"config", "meta"})
_CHOSEN = frozenset({"subsets", "failover", "add", "set"})
"""maps whose keys people choose"""
EVERYONE = "all-services"
"""the object of the intentions that are about `*`, which no object is called"""


def kind_of(entry_kind: str) -> str:
    """ServiceDefaults of service-defaults."""
    return "".join(part.capitalize() for part in entry_kind.split("-"))


CONFIG_KINDS = {kind_of(each): each for each in KINDS}
"""kinds of entries, by those of their objects"""


def dressed(entry: Resource, namespace: str, there: Mapping[ResourceRef, ResourceRef]) -> Resource:
    """An entry as an object: the one that it has already, or one in this namespace."""
    body = dict(of_entry(entry.ref, Entry(body=entry.body)).body)
    name = entry.ref.name
    if entry.ref.kind == "service-intentions":
        body["spec"] = {"destination": {"name": name}, **body["spec"]}
        name = EVERYONE if name == "*" else name
    ref = ResourceRef(group=GROUP, kind=kind_of(entry.ref.kind), namespace=namespace, name=name)
    ref = there.get(entry.ref, ref)
    body["metadata"] = {"name": ref.name, "namespace": ref.namespace}
    return Resource(ref=ref, body={"apiVersion": f"{GROUP}/{VERSION}", **body})


def entry(body: Mapping[str, Any]) -> tuple[ResourceRef, Body]:
    """The entry that an object is, with its reference."""
    kind = CONFIG_KINDS[str(body["kind"])]
    spec = dict(body.get("spec") or {})
    name = k8s.name_of(dict(body))
    if kind == "service-intentions":
        name = str((spec.pop("destination", None) or {}).get("name") or name)
    return ref_of(kind, name), {"Kind": kind, "Name": name, **_large(spec)}


def objects_of(bodies: Sequence[Body]) -> dict[ResourceRef, ResourceRef]:
    """Entries that are there, with their objects; of several objects of one entry the oldest, which Consul takes."""
    ordered = sorted(bodies, key=lambda each: str(k8s.at(each, "metadata", "creationTimestamp") or ""), reverse=True)
    return {entry(each)[0]: k8s.reference_of(each) for each in ordered}


def _large(value: Any, chosen: bool = False) -> Any:
    if isinstance(value, Mapping):
        return {
            key if chosen else _beginning_large(str(key)): each if key in _VERBATIM else _large(each, key in _CHOSEN)
            for key, each in value.items()
        }
    return [_large(each) for each in value] if isinstance(value, list) else value


def _beginning_large(key: str) -> str:
    acronym = _ACRONYMS.match(key)
    return key[: acronym.end()].upper() + key[acronym.end() :] if acronym else key[:1].upper() + key[1:]
