"""Analysis of routing: protocols that are missing, subsets that nobody defines, weights, and entries that are twice."""

from collections.abc import Iterator
from typing import Any

from meshwright.adapters.consul.analysis.registry import (
    DEFAULTS,
    ENTRIES,
    INTENTIONS,
    RESOLVER,
    ROUTER,
    SPLITTER,
    analyzers,
    destination,
    is_elsewhere,
    protocol,
)
from meshwright.adapters.consul.control_plane.entries import is_l7
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping


@analyzers.analyzer("MW3901", needs=(DEFAULTS,))
def routed_services_have_a_protocol(manifests: Manifests) -> Iterator[Observation]:
    """Splitters and routers of what Consul takes for TCP."""
    for kind in (SPLITTER, ROUTER):
        for each in manifests.of(*kind):
            told = protocol(manifests, each.ref.name)
            if not is_l7(told):
                message = f"the protocol of {each.ref.name} is {told or 'not set'}"
                yield Observation(code="MW3901", manifest=each, message=message, pointer="#/metadata/name")


@analyzers.analyzer("MW3902", needs=(RESOLVER,))
def subsets_are_defined(manifests: Manifests) -> Iterator[Observation]:
    """Subsets to which splitters, routers and resolvers lead."""
    defined = {each.ref.name: set(mapping(each.spec.get("subsets"))) for each in manifests.of(*RESOLVER)}
    for each, pointer, leg in _legs(manifests):
        service, subset = str(leg.get("service") or each.ref.name), str(leg.get("serviceSubset") or "")
        if subset and not is_elsewhere(leg) and subset not in defined.get(service, set()):
            have = ", ".join(sorted(defined.get(service, ()))) or "none"
            message = f"no ServiceResolver defines the subset {subset} of {service}; it has {have}"
            yield Observation(code="MW3902", manifest=each, message=message, pointer=f"{pointer}/serviceSubset")


@analyzers.analyzer("MW3905")
def weights_are_whole(manifests: Manifests) -> Iterator[Observation]:
    """Splitters whose weights are more or less than everything."""
    for each in manifests.of(*SPLITTER):
        weights = [mapping(leg).get("weight") or 0 for leg in items(each.spec.get("splits"))]
        total = round(sum(one for one in weights if isinstance(one, int | float)), 2)
        if weights and total != 100:
            yield Observation(
                code="MW3905", manifest=each, message=f"they are {total:g} together", pointer="#/spec/splits"
            )


@analyzers.analyzer("MW3908")
def entries_are_once(manifests: Manifests) -> Iterator[Observation]:
    """Entries for which there are several resources; what Consul itself has is the entry, and no resource."""
    seen: dict[tuple[str, str], Manifest] = {}
    for kind in ENTRIES:
        for each in manifests.of(*kind):
            if not each.ref.namespace:
                continue
            entry = each.ref.kind, destination(each) if kind == INTENTIONS else each.ref.name
            first = seen.setdefault(entry, each)
            if first.ref != each.ref:
                message = f"{first.ref} is {' '.join(entry)} already"
                yield Observation(code="MW3908", manifest=each, message=message, pointer="#/metadata/name",
                                  related=(first,))  # fmt: skip


def _legs(manifests: Manifests) -> Iterator[tuple[Manifest, str, dict[str, Any]]]:
    for each in manifests.of(*SPLITTER):
        for index, leg in enumerate(items(each.spec.get("splits"))):
            yield each, f"#/spec/splits/{index}", dict(mapping(leg))
    for each in manifests.of(*ROUTER):
        for index, route in enumerate(items(each.spec.get("routes"))):
            yield each, f"#/spec/routes/{index}/destination", dict(mapping(mapping(route).get("destination")))
    for each in manifests.of(*RESOLVER):
        yield each, "#/spec/redirect", dict(mapping(each.spec.get("redirect")))
        for name, failover in mapping(each.spec.get("failover")).items():
            pointer = f"#/spec/failover/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield each, pointer, dict(mapping(failover))
            for index, leg in enumerate(items(mapping(failover).get("targets"))):
                yield each, f"{pointer}/targets/{index}", dict(mapping(leg))
