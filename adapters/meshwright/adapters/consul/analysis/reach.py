"""Analysis of what never counts: routes that no request reaches, intentions that others overrule, names nobody reads.

Consul takes the intentions of an exact destination before those of `*`, and among them an exact source before `*`:
https://developer.hashicorp.com/consul/docs/secure-mesh/intention.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from meshwright.adapters.consul.analysis.registry import (
    INTENTIONS,
    MESH,
    PROXIES,
    ROUTER,
    analyzers,
    destination,
    is_elsewhere,
    sources,
)
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_ONLY = {PROXIES: "global", MESH: "mesh"}
_PLACE = ("name", "namespace", "partition", "peer", "samenessGroup")


@analyzers.analyzer("MW3910")
def routes_are_reached(manifests: Manifests) -> Iterator[Observation]:
    """Routes after one that takes every request."""
    for each in manifests.of(*ROUTER):
        routes = items(each.spec.get("routes"))
        first = next((index for index, one in enumerate(routes) if _takes_all(mapping(one))), len(routes))
        for index in range(first + 1, len(routes)):
            message = f"the route {first} takes every request"
            yield Observation(code="MW3910", manifest=each, message=message, pointer=f"#/spec/routes/{index}")


@analyzers.analyzer("MW3911")
def intentions_count(manifests: Manifests) -> Iterator[Observation]:
    """What is said of a source for all services, and otherwise of everybody for one."""
    told = list(sources(manifests))
    named = {(destination(each), _place(source)) for each, _, source in told}
    for each, index, source in told:
        action = source.get("action")
        if destination(each) != "*" or source.get("name") == "*" or is_elsewhere(source) or not action:
            continue
        for other, _, everybody in told:
            about = destination(other)
            overruled = everybody.get("name") == "*" and not is_elsewhere(everybody) and about != "*"
            differs = everybody.get("action") not in (None, action)
            if overruled and differs and (about, _place(source)) not in named:
                yield _overruled(each, index, source, other, everybody)


@analyzers.analyzer("MW3912")
def sources_are_once(manifests: Manifests) -> Iterator[Observation]:
    """Sources that an entry names twice."""
    for entry in manifests.of(*INTENTIONS):
        first: dict[tuple[str, ...], int] = {}
        for index, each in enumerate(items(entry.spec.get("sources"))):
            source = mapping(each)
            if (before := first.setdefault(_place(source), index)) != index:
                message = f"{source.get('name')} is the source {before} already"
                pointer = f"#/spec/sources/{index}/name"
                yield Observation(code="MW3912", manifest=entry, message=message, pointer=pointer)


@analyzers.analyzer("MW3913")
def the_only_ones_have_their_names(manifests: Manifests) -> Iterator[Observation]:
    """Entries of the whole mesh by another name than theirs."""
    for kind, name in _ONLY.items():
        for each in manifests.of(*kind):
            if each.ref.name != name:
                message = f"Consul takes a {kind[1]} with the name {name} alone"
                yield Observation(code="MW3913", manifest=each, message=message, pointer="#/metadata/name")


def _overruled(
    entry: Manifest, index: int, source: Mapping[str, Any], other: Manifest, everybody: Mapping[str, Any]
) -> Observation:
    about = destination(other)
    message = (
        f"{source['name']} is under {source['action']} here, and under {everybody['action']} for {about},"
        " whose own intention for * counts more"
    )
    return Observation(
        code="MW3911", manifest=entry, message=message, pointer=f"#/spec/sources/{index}", related=(other,)
    )


def _takes_all(route: Mapping[str, Any]) -> bool:
    http = mapping(mapping(route.get("match")).get("http"))
    said = {key: value for key, value in http.items() if value and key != "caseInsensitive"}
    return said in ({}, {"pathPrefix": "/"})


def _place(source: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(source.get(each) or "") for each in _PLACE)
