"""Analysis of Servers and of the policies for them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.analysis.registry import (
    AUTHENTICATIONS,
    AUTHORIZATION,
    LIMIT,
    ROUTES,
    SERVER,
    analyzers,
)
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping


@analyzers.analyzer("MW3803", reads=(AUTHORIZATION,))
def somebody_may_reach_it(manifests: Manifests) -> Iterator[Observation]:
    """Servers that deny, for which nothing allows anybody."""
    targets = [(each.ref.namespace, _target(each)) for each in manifests.of(*AUTHORIZATION)]
    for server in manifests.of(*SERVER):
        if server.spec.get("accessPolicy", "deny") != "deny":
            continue
        routes = {
            each.ref.name
            for kind in ROUTES
            for each in manifests.of(*kind, server.ref.namespace)
            if any(mapping(parent).get("name") == server.ref.name for parent in items(each.spec.get("parentRefs")))
        }
        mine = [target for place, target in targets if place == server.ref.namespace]
        meant = [("Server", server.ref.name), ("Namespace", server.ref.namespace), *(("HTTPRoute", n) for n in routes)]
        if not any(each in meant for each in mine):
            message = f"nobody may reach port {server.spec.get('port')}: no AuthorizationPolicy is for it"
            yield Observation(code="MW3803", manifest=server, message=message, pointer="#/spec/port")


@analyzers.analyzer("MW3804", reads=(SERVER, *ROUTES))
def targets_are_there(manifests: Manifests) -> Iterator[Observation]:
    """What policies and limits are for."""
    for policy in [*manifests.of(*AUTHORIZATION), *manifests.of(*LIMIT)]:
        kind, name = _target(policy)
        known = {"Server": [SERVER], "HTTPRoute": [each for each in ROUTES if each[1] == "HTTPRoute"]}.get(kind, [])
        if known and not any(manifests.get(*each, policy.ref.namespace, name) for each in known):
            message = f"there is no {kind} {name} in {policy.ref.namespace}"
            yield Observation(code="MW3804", manifest=policy, message=message, pointer="#/spec/targetRef/name")


@analyzers.analyzer("MW3805", reads=AUTHENTICATIONS)
def authentications_are_there(manifests: Manifests) -> Iterator[Observation]:
    """What policies require."""
    for policy in manifests.of(*AUTHORIZATION):
        for index, each in enumerate(map(mapping, items(policy.spec.get("requiredAuthenticationRefs")))):
            kind = (words.POLICY, str(each.get("kind")))
            place = str(each.get("namespace") or policy.ref.namespace)
            if kind in AUTHENTICATIONS and not manifests.get(*kind, place, str(each.get("name"))):
                pointer = f"#/spec/requiredAuthenticationRefs/{index}/name"
                message = f"there is no {kind[1]} {place}/{each.get('name')}"
                yield Observation(code="MW3805", manifest=policy, message=message, pointer=pointer)


@analyzers.analyzer("MW3806")
def one_server_for_a_port(manifests: Manifests) -> Iterator[Observation]:
    """Servers that mean the same port of the same pods."""
    first: dict[tuple[str, bytes, str], Manifest] = {}
    for server in sorted(manifests.of(*SERVER), key=lambda each: each.ref):
        selector = msgspec.json.encode(server.spec.get("podSelector"), order="sorted")
        key = server.ref.namespace, selector, str(server.spec.get("port"))
        if (other := first.setdefault(key, server)) is not server:
            message = f"the Server {other.ref.name} is for the same port of the same pods"
            yield Observation(code="MW3806", manifest=server, message=message, pointer="#/spec/port")


def _target(policy: Manifest) -> tuple[str, str]:
    target: dict[str, Any] = mapping(policy.spec.get("targetRef"))
    kind, name = str(target.get("kind") or ""), str(target.get("name") or "")
    return kind, (name or policy.ref.namespace) if kind == "Namespace" else name
