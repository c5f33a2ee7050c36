"""Analysis of what Istio stands on: its webhooks, the Gateway API, its settings, fields out of use, and
what controllers report in the status of resources."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

ADMISSION = "admissionregistration.k8s.io"
DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
GATEWAY_API_SINCE = {
    "backendtlspolicies": (1, 4),
    "grpcroutes": (1, 1),
    "tcproutes": (1, 6),
    "tlsroutes": (1, 5),
}
"""the release of the Gateway API since which Istio reads the definition"""
_BUNDLE = "gateway.networking.k8s.io/bundle-version"
_VERSION = re.compile(r"v?([0-9]+)\.([0-9]+)")
_NAMES = re.compile(r"istio-sidecar-injector|istio-revision-tag|istio-validator|istiod-default-validator")
_BLOCKED = "BLOCKED_CIDRS_IN_JWKS_URIS"
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
_INJECTION, _REVISION, _POD_INJECTION = "istio-injection", "istio.io/rev", "sidecar.istio.io/inject"


@analyzers.analyzer("MW3702")
def gateway_api_is_read(manifests: Manifests) -> Iterator[Observation]:
    """The releases of the Gateway API's definitions."""
    for each in manifests.of(*DEFINITION):
        plural, _, group = each.ref.name.partition(".")
        since = GATEWAY_API_SINCE.get(plural) if group == shapes.GATEWAY_API else None
        match = _VERSION.match(str(each.annotations.get(_BUNDLE) or ""))
        if since and match and (int(match[1]), int(match[2])) < since:
            message = f"{plural} is of release {match[0]}, and Istio reads it since {since[0]}.{since[1]}"
            yield Observation(code="MW3702", manifest=each, message=message, pointer="#/metadata/annotations")


@analyzers.analyzer("MW3703")
def fields_are_in_use(manifests: Manifests) -> Iterator[Observation]:
    """Fields that Istio has given up."""
    for service in manifests.of(shapes.NETWORKING, "VirtualService"):
        for index, route in enumerate(map(mapping, items(service.spec.get("http")))):
            if mapping(mapping(route.get("fault")).get("delay")).get("percent"):
                pointer = f"#/spec/http/{index}/fault/delay/percent"
                message = "percent is out of use: say percentage.value"
                yield Observation(code="MW3703", manifest=service, message=message, pointer=pointer)
    for sidecar in manifests.of(shapes.NETWORKING, "Sidecar"):
        if mapping(sidecar.spec.get("outboundTrafficPolicy")).get("egressProxy"):
            pointer = "#/spec/outboundTrafficPolicy/egressProxy"
            message = "egressProxy is ignored: route to the egress gateway with a VirtualService"
            yield Observation(code="MW3703", manifest=sidecar, message=message, pointer=pointer)
    for definition in manifests.of(*DEFINITION):
        if definition.ref.name.endswith(".rbac.istio.io"):
            message = "Istio does not read this kind any longer: use AuthorizationPolicy"
            yield Observation(code="MW3703", manifest=definition, message=message, pointer="#/metadata/name")


@analyzers.analyzer("MW3412")
def keys_are_fetched_from_few(manifests: Manifests) -> Iterator[Observation]:
    """Control planes that fetch keys for tokens from any address."""
    requests = manifests.of(shapes.SECURITY, "RequestAuthentication")
    for plane in manifests.of("apps", "Deployment"):
        if not requests or plane.labels.get("app") != "istiod":
            continue
        pod = mapping(mapping(plane.spec.get("template")).get("spec"))
        variables = [mapping(each) for one in shapes.containers(pod) for each in items(one.get("env"))]
        if not any(each.get("name") == _BLOCKED and each.get("value") for each in variables):
            message = f"{len(requests)} RequestAuthentications are there, and {_BLOCKED} is not set"
            yield Observation(
                code="MW3412", manifest=plane, message=message, pointer="#/spec/template/spec", related=requests[:5]
            )


@analyzers.analyzer("MW3704", "MW3705", reads=[("", "Service")])
def webhooks_lead_somewhere(manifests: Manifests) -> Iterator[Observation]:
    """Where each webhook of Istio leads."""
    services = {(each.ref.namespace, each.ref.name) for each in manifests.of("", "Service")}
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for each in manifests.of(ADMISSION, kind):
            if not _NAMES.match(each.ref.name):
                continue
            for index, webhook in enumerate(map(mapping, items(each.body.get("webhooks")))):
                client, pointer = mapping(webhook.get("clientConfig")), f"#/webhooks/{index}/clientConfig"
                service, url = mapping(client.get("service")), client.get("url")
                place = str(service.get("namespace") or ""), str(service.get("name") or "")
                if isinstance(url, str) and _is_address(url):
                    message = f"{webhook.get('name')} leads to {url}"
                    yield Observation(code="MW3705", manifest=each, message=message, pointer=f"{pointer}/url")
                elif not url and not service:
                    message = f"{webhook.get('name')} leads nowhere"
                    yield Observation(code="MW3704", manifest=each, message=message, pointer=pointer)
                elif service and services and place not in services:
                    message = f"{webhook.get('name')} leads to the Service {'/'.join(place)}, which does not exist"
                    yield Observation(code="MW3704", manifest=each, message=message, pointer=f"{pointer}/service")


def _is_address(url: str) -> bool:
    try:
        ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return True


@analyzers.analyzer("MW3704")
def pods_are_injected_once(manifests: Manifests) -> Iterator[Observation]:
    """Webhooks that are asked about the same pods."""
    injectors = [
        (each, webhook, index)
        for each in manifests.of(ADMISSION, "MutatingWebhookConfiguration")
        if _NAMES.match(each.ref.name)
        for index, webhook in enumerate(map(mapping, items(each.body.get("webhooks"))))
    ]
    asked = [_asked(webhook, _revisions([one for _, one, _ in injectors])) for _, webhook, _ in injectors]
    for place, (each, webhook, index) in enumerate(injectors):
        rivals = [
            injectors[other][0] for other in range(len(injectors)) if other != place and asked[other] & asked[place]
        ]
        if rivals:
            names = ", ".join(dict.fromkeys(one.ref.name for one in rivals))
            message = f"{webhook.get('name')} is asked about the same pods as a webhook of {names}"
            yield Observation(
                code="MW3704", manifest=each, message=message, pointer=f"#/webhooks/{index}", related=rivals
            )


def _revisions(webhooks: list[dict[str, Any]]) -> list[str]:
    """The revisions that the selectors of webhooks name."""
    named: dict[str, None] = {}
    for webhook in webhooks:
        for key in ("namespaceSelector", "objectSelector"):
            selector = mapping(webhook.get(key))
            if revision := mapping(selector.get("matchLabels")).get(_REVISION):
                named[str(revision)] = None
            for term in map(mapping, items(selector.get("matchExpressions"))):
                if term.get("key") == _REVISION:
                    named.update(dict.fromkeys(map(str, items(term.get("values")))))
    return list(named)


def _asked(webhook: dict[str, Any], revisions: list[str]) -> set[tuple[str, str, str, str]]:
    """Of all ways in which namespaces and pods are labelled, those about which a webhook is asked."""
    return {
        (injection, revision, choice, own)
        for injection in ("", "enabled", "disabled")
        for revision in ("", *revisions)
        for choice in ("", "true", "false")
        for own in ("", *revisions)
        if _selects(webhook.get("namespaceSelector"), {_INJECTION: injection, _REVISION: revision})
        and _selects(webhook.get("objectSelector"), {_POD_INJECTION: choice, _REVISION: own})
    }


def _selects(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a label selector selects these; an empty label is none."""
    there = {key: value for key, value in labels.items() if value}
    if not mapping(mapping(selector).get("matchLabels")).items() <= there.items():
        return False
    return all(_holds(mapping(each), there) for each in items(mapping(selector).get("matchExpressions")))


def _holds(term: dict[str, Any], labels: dict[str, str]) -> bool:
    key, values = str(term.get("key")), items(term.get("values"))
    match term.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


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
