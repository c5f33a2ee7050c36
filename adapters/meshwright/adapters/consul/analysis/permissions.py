"""Analysis of intentions and of mutual TLS: who gets in although, or stays out because, of what is written."""

from collections.abc import Iterator, Mapping
from typing import Any

from meshwright.adapters.consul.analysis.registry import (
    DEFAULTS,
    INTENTIONS,
    MESH,
    PROXIES,
    analyzers,
    destination,
    protocol,
    sources,
)
from meshwright.adapters.consul.control_plane.entries import is_l7
from meshwright.core.kit.analysis import Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping


@analyzers.analyzer("MW3903", needs=(DEFAULTS,))
def permissions_are_seen(manifests: Manifests) -> Iterator[Observation]:
    """Permissions of requests to what Consul takes for TCP."""
    for each, index, source in sources(manifests):
        name = destination(each)
        told = protocol(manifests, name)
        if source.get("permissions") and name != "*" and not is_l7(told):
            message = f"the protocol of {name} is {told or 'not set'}"
            yield Observation(
                code="MW3903", manifest=each, message=message, pointer=f"#/spec/sources/{index}/permissions"
            )


@analyzers.analyzer("MW3904")
def permissions_are_reached(manifests: Manifests) -> Iterator[Observation]:
    """Permissions after one that matches every request."""
    for each, index, source in sources(manifests):
        permissions = [mapping(one) for one in items(source.get("permissions"))]
        first = next((number for number, one in enumerate(permissions) if _is_all(one)), len(permissions))
        for number in range(first + 1, len(permissions)):
            pointer = f"#/spec/sources/{index}/permissions/{number}"
            message = f"the permission {first} of {source.get('name')} matches every request"
            yield Observation(code="MW3904", manifest=each, message=message, pointer=pointer)


@analyzers.analyzer("MW3906")
def somebody_is_denied(manifests: Manifests) -> Iterator[Observation]:
    """Intentions of which none denies everybody."""
    every = manifests.of(*INTENTIONS)
    if every and not any(
        destination(each) == "*" and source.get("name") == "*" and source.get("action") == "deny"
        for each, _, source in sources(manifests)
    ):
        first = min(every, key=lambda each: each.ref)
        message = f"{len(every)} intentions, and no one is denied by default"
        yield Observation(code="MW3906", manifest=first, message=message, pointer="#/spec")


@analyzers.analyzer("MW3907")
def nobody_takes_plain_text(manifests: Manifests) -> Iterator[Observation]:
    """Services whose mutual TLS is permissive."""
    allowed = any(each.spec.get("allowEnablingPermissiveMutualTLS") for each in manifests.of(*MESH))
    more = "" if allowed else ", which no Mesh entry here allows"
    for kind in (DEFAULTS, PROXIES):
        for each in manifests.of(*kind):
            if each.spec.get("mutualTLSMode") == "permissive":
                message = f"mutualTLSMode is permissive{more}"
                yield Observation(code="MW3907", manifest=each, message=message, pointer="#/spec/mutualTLSMode")


def _is_all(permission: Mapping[str, Any]) -> bool:
    """Whether a permission matches every request."""
    http = mapping(permission.get("http"))
    by_path = http.get("pathExact") or http.get("pathRegex") or http.get("pathPrefix") not in (None, "", "/")
    return not (by_path or http.get("header") or http.get("methods") or permission.get("jwt"))
