"""Analysis of what controllers report in the status of resources."""

from collections.abc import Iterator

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_BOUND = frozenset({"istio.io/WaypointBound"})
_ROUTED = frozenset({"Accepted", "Programmed", "ResolvedRefs"})
_REPORTED = {
    ("", "Service"): _BOUND,
    (shapes.NETWORKING, "ServiceEntry"): _BOUND,
    (shapes.NETWORKING, "WorkloadEntry"): _BOUND,
    (shapes.SECURITY, "AuthorizationPolicy"): frozenset({"ZtunnelAccepted", "WaypointAccepted"}),
    (shapes.GATEWAY_API, "Gateway"): _ROUTED,
    (shapes.GATEWAY_API, "HTTPRoute"): _ROUTED,
    (shapes.GATEWAY_API, "GRPCRoute"): _ROUTED,
}


@analyzers.analyzer("MW3701")
def conditions_are_good(manifests: Manifests) -> Iterator[Observation]:
    """Conditions that say that a resource is not in effect."""
    for (group, kind), types in _REPORTED.items():
        for each in manifests.of(group, kind):
            for condition, pointer in _conditions(each):
                partly = condition.get("reason") == "PartiallyInvalid"
                if condition.get("type") in types and (condition.get("status") == "False" or partly):
                    words = condition.get("message") or condition.get("reason") or "no reason given"
                    message = f"{condition['type']}: {words}"[:2000]
                    yield Observation(code="MW3701", manifest=each, message=message, pointer=pointer)


def _conditions(manifest: Manifest) -> Iterator[tuple[dict[str, object], str]]:
    status = mapping(manifest.body.get("status"))
    for index, each in enumerate(items(status.get("conditions"))):
        yield mapping(each), f"#/status/conditions/{index}"
    for place, parent in enumerate(items(status.get("parents"))):
        for index, each in enumerate(items(mapping(parent).get("conditions"))):
            yield mapping(each), f"#/status/parents/{place}/conditions/{index}"
