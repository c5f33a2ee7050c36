"""Native resources of designs, laid over what the compiler made.

Invariant: a native resource reaches every sidecar of its mesh. With the type and name of a compiled one it is
merged into it, objects field by field and anything else replaced, however a field is spelt; otherwise it is added.
"""

from typing import Any

from meshwright.adapters.envoy import protojson
from meshwright.adapters.envoy.resources.snapshot import Resource, resource
from meshwright.schemas.intents import NativeResource


class Overlay:
    """The native resources of a mesh; merging the same resource for many proxies is done once."""

    def __init__(self, resources: list[NativeResource]) -> None:
        self._by_type: dict[str, dict[str, dict[str, Any]]] = {}
        self._merged: dict[str, Resource] = {}
        for each in resources:
            bodies = self._by_type.setdefault(each.type, {})
            bodies[each.name] = merge(bodies.get(each.name, {}), {**each.body, "name": each.name})

    def over(self, type_url: str, compiled: list[Resource]) -> list[Resource]:
        """The compiled resources of one type with the native ones merged in or added."""
        bodies = self._by_type.get(type_url)
        if not bodies:
            return compiled
        present = {each.name for each in compiled}
        merged = [self._merge(each, bodies[each.name]) if each.name in bodies else each for each in compiled]
        added = [resource(type_url, body) for name, body in sorted(bodies.items()) if name not in present]
        return [*merged, *added]

    def _merge(self, base: Resource, body: dict[str, Any]) -> Resource:
        found = self._merged.get(base.digest)
        if found is None:
            found = self._merged[base.digest] = resource(base.type, merge(base.body, body))
        return found


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the fields of `over`; objects are merged, lists and plain values replaced."""
    out = dict(base)
    spelt = {protojson.camel(key): key for key in base}
    for name, value in over.items():
        key = spelt.get(protojson.camel(name), name)
        present = out.get(key)
        out[key] = merge(present, value) if isinstance(present, dict) and isinstance(value, dict) else value
    return out
