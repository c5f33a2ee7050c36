"""What translators know of a Consul in a cluster: the same as of any, with where its objects are.

Problem: intents name services as `namespace/name`, and Consul has one space of names for all namespaces. Invariant: a
translator sees plain names alone; the objects of a service's entries are in its namespace, the others in the design's.
"""

from typing import Any

import msgspec

from meshwright.adapters.consul.cluster import coats
from meshwright.adapters.consul.facts import ConsulFacts
from meshwright.schemas.base import Model, service_parts
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef


class Home(Model, frozen=True, kw_only=True):
    """An entry that is there, and its object."""

    entry: ResourceRef
    object: ResourceRef


class ClusterFacts(ConsulFacts, frozen=True, kw_only=True):
    """One Consul in a cluster as it is, and the design that is to be translated."""

    namespace: str = "default"
    """what the design's short service names mean"""
    namespaces: dict[str, str] = {}
    """of services"""
    homes: list[Home] = []

    def plain(self, intent: Any) -> Any:
        """The same intent with names as Consul has them."""
        names = {field: getattr(intent, field, None) for field in ("service", "source")}
        short = {field: service_parts(name, "")[1] for field, name in names.items() if name}
        return msgspec.structs.replace(intent, **short) if short else intent

    def dressed(self, entry: Resource) -> Resource:
        """An entry as the object that it is in the cluster."""
        place = self.namespaces.get(entry.ref.name, self.namespace)
        return coats.dressed(entry, place, {each.entry: each.object for each in self.homes})
