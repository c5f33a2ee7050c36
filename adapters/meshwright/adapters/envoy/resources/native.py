"""Merging native resources of designs into the compiled ones.

Invariant: a native resource reaches every sidecar of its mesh, but only if it is admitted, whatever was stored before.
With the type and name of a compiled one it is merged into it: objects field by field, virtual hosts by name, and
anything else replaced; its HTTP filters come behind those of the mesh, before the router. Another cluster is added; a
resource for a compiled one that does not exist has no effect.
"""

import functools
from collections.abc import Iterator
from typing import Any

from meshwright.adapters.envoy.admission import places
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import Resource, resource
from meshwright.adapters.envoy.xds import protojson
from meshwright.schemas.intents import NativeResource

Body = dict[str, Any]


class Overlay:
    """The native resources of a mesh; merging the same resource for many proxies is done once."""

    def __init__(self, resources: list[NativeResource]) -> None:
        self._by_type: dict[str, dict[str, list[Body]]] = {}
        self._merged: dict[str, Resource] = {}
        for each in resources:
            admitted = places.admit(each)
            if not admitted.problems:
                self._by_type.setdefault(each.type, {}).setdefault(each.name, []).append(admitted.body)

    def over(self, type_url: str, compiled: list[Resource]) -> list[Resource]:
        """The compiled resources of one type with the native ones merged in or added."""
        bodies = self._by_type.get(type_url)
        if not bodies:
            return compiled
        present = {each.name for each in compiled}
        merged = [self._merge(each, bodies[each.name]) if each.name in bodies else each for each in compiled]
        added = [
            resource(type_url, functools.reduce(merge, bodies[name]))
            for name in sorted(bodies)
            if name not in present and type_url == names.CLUSTER and "|" not in name
        ]
        return [*merged, *added]

    def _merge(self, base: Resource, bodies: list[Body]) -> Resource:
        merged = self._merged.get(base.digest)
        if merged is None:
            lay = _LAYING.get(base.type, merge)
            merged = self._merged[base.digest] = resource(base.type, functools.reduce(lay, bodies, base.body))
        return merged


def refused(resources: list[NativeResource]) -> Iterator[NativeResource]:
    """The resources that reach no proxy."""
    return (each for each in resources if places.admit(each).problems)


def merge(base: Body, over: Body) -> Body:
    """`base` with the fields of `over`; objects are merged, lists and plain values replaced."""
    out = dict(base)
    spelt = {protojson.camel(key): key for key in base}
    for name, value in over.items():
        key = spelt.get(protojson.camel(name), name)
        present = out.get(key)
        out[key] = merge(present, value) if isinstance(present, dict) and isinstance(value, dict) else value
    return out


def _over_routes(base: Body, over: Body) -> Body:
    """Virtual hosts of the same name are merged, so that a tuned one keeps its authorization and intents."""
    hosts = {each["name"]: each for each in base["virtual_hosts"]}
    for each in over.get("virtual_hosts", []):
        name = each.get("name", "")
        hosts[name] = merge(hosts[name], each) if name in hosts else each
    return {**merge(base, over), "virtual_hosts": list(hosts.values())}


def _over_listener(base: Body, over: Body) -> Body:
    """Settings of the connection manager apply to that of every filter chain."""
    fields = {key: value for key, value in over.items() if key != "filter_chains"}
    wanted = [each.get("typed_config", {}) for chain in over.get("filter_chains", []) for each in chain["filters"]]
    chains = [
        {**chain, "filters": [functools.reduce(_over_manager, wanted, each) for each in chain["filters"]]}
        for chain in base["filter_chains"]
    ]
    return {**merge(base, fields), "filter_chains": chains}


def _over_manager(base: Body, over: Body) -> Body:
    settings = {key: value for key, value in over.items() if key not in ("@type", "http_filters")}
    *filters, router = base["typed_config"]["http_filters"]
    config = merge(base["typed_config"], settings)
    return {**base, "typed_config": {**config, "http_filters": [*filters, *over.get("http_filters", []), router]}}


_LAYING = {names.LISTENER: _over_listener, names.ROUTES: _over_routes}
