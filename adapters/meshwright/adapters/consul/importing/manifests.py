"""Config entries as the resources that Consul has of them in Kubernetes, so that both are analyzed and imported alike.

Invariant: names of fields are the API's with a small beginning, as in the definitions of `consul.hashicorp.com`; keys
that people choose stay as they are.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from meshwright.adapters.consul.facts import Service
from meshwright.core.kit.analysis.manifests import Manifest
from meshwright.core.kit.http_control_plane import Entry
from meshwright.schemas.references import ResourceRef

GROUP, VERSION = "consul.hashicorp.com", "v1alpha1"
SERVICE = ("consul", "Service")
"""group and kind of a registered service, which no file has"""
_KEPT = frozenset({"Config", "Meta"})
_CHOSEN = frozenset({"Subsets", "Failover", "Add", "Set"})
_BEGINNING = re.compile(r"[A-Z]+(?![a-z])|[A-Z]")


def of_entry(ref: ResourceRef, entry: Entry) -> Manifest:
    """A config entry."""
    kind = "".join(part.capitalize() for part in ref.kind.split("-"))
    spec = _small({key: value for key, value in entry.body.items() if key not in ("Kind", "Name", "Meta")})
    body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": {"name": ref.name}, "spec": spec}
    return Manifest(ref=ResourceRef(group=GROUP, kind=kind, name=ref.name), body=body)


def of_services(services: Iterable[Service]) -> list[Manifest]:
    """The registered services, with what tells their versions apart."""
    return [
        Manifest(
            ref=ResourceRef(group=SERVICE[0], kind=SERVICE[1], name=each.name),
            body={
                "metadata": {"name": each.name},
                "spec": {
                    "proxies": each.proxies,
                    "instances": [{"id": one.id, "meta": one.meta, "tags": one.tags} for one in each.instances],
                },
            },
        )
        for each in services
    ]


def _small(value: Any, chosen: bool = False) -> Any:
    if isinstance(value, Mapping):
        return {
            key if chosen else _beginning_small(key): each if key in _KEPT else _small(each, key in _CHOSEN)
            for key, each in value.items()
        }
    return [_small(each) for each in value] if isinstance(value, list) else value


def _beginning_small(key: str) -> str:
    return _BEGINNING.sub(lambda match: match[0].lower(), key, count=1)
