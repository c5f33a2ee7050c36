"""Analysis of EnvoyFilters: patches that do nothing, or whose effect depends on what others do."""

from collections.abc import Iterator

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_RELATIVE = {"INSERT_BEFORE", "INSERT_AFTER", "REPLACE", "REMOVE"}
_ROUTES = {"ROUTE_CONFIGURATION", "HTTP_ROUTE"}
_REPLACEABLE = {"HTTP_FILTER", "NETWORK_FILTER", "VIRTUAL_HOST"}


@analyzers.analyzer("MW3604")
def other_resources_say_it(manifests: Manifests) -> Iterator[Observation]:
    """EnvoyFilters as such."""
    for each in manifests.of(shapes.NETWORKING, "EnvoyFilter"):
        message = "it depends on how this release of Istio configures Envoy"
        yield Observation(code="MW3604", manifest=each, message=message, pointer="#/metadata/name")


@analyzers.analyzer("MW3601", "MW3602")
def patches_take_effect(manifests: Manifests) -> Iterator[Observation]:
    """The operation of each patch, for what it is applied to."""
    for each in manifests.of(shapes.NETWORKING, "EnvoyFilter"):
        for index, patch in enumerate(map(mapping, items(each.spec.get("configPatches")))):
            operation = str(mapping(patch.get("patch")).get("operation") or "")
            target = str(patch.get("applyTo") or "")
            pointer = f"#/spec/configPatches/{index}"
            ignored = target in _ROUTES and operation in ("ADD", "REMOVE")
            if ignored or (operation == "REPLACE" and target not in _REPLACEABLE):
                message = f"{operation} does nothing for {target}"
                yield Observation(code="MW3602", manifest=each, message=message, pointer=pointer)
            elif operation in _RELATIVE and not shapes.number(each.spec.get("priority")):
                message = f"{operation} depends on what else patches the proxy, and no priority is set"
                yield Observation(code="MW3601", manifest=each, message=message, pointer=pointer)
