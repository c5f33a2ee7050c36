"""Analysis of Istio's Gateways and of TLS: listeners without pods or ports, and servers that are not verified."""

from collections.abc import Iterator
from typing import Any

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_ORIGINATING = ("SIMPLE", "MUTUAL")


def _servers(gateway: Manifest) -> Iterator[tuple[dict[str, Any], str]]:
    for index, server in enumerate(items(gateway.spec.get("servers"))):
        yield mapping(server), f"#/spec/servers/{index}"


def _port(server: dict[str, Any]) -> int:
    return shapes.number(mapping(server.get("port")).get("number"))


def _gateways(manifests: Manifests) -> list[Manifest]:
    return manifests.of(shapes.NETWORKING, "Gateway")


@analyzers.analyzer("MW3501", "MW3503", needs=shapes.PODS)
def gateways_have_pods(manifests: Manifests) -> Iterator[Observation]:
    """The pods of a Gateway, and whether their Services forward to its ports."""
    pods = shapes.pods(manifests)
    for gateway in _gateways(manifests):
        chosen = mapping(gateway.spec.get("selector"))
        behind = [each for each in pods if each.has(chosen)]
        if not behind:
            written = ", ".join(f"{key}={value}" for key, value in chosen.items()) or "an empty selector"
            message = f"no pod has the labels {written}"
            yield Observation(code="MW3501", manifest=gateway, message=message, pointer="#/spec/selector")
            continue
        if not manifests.of("", "Service"):
            continue  # files that say nothing of Services
        forwarded = {port for each in behind for port in _forwarded(manifests, each)}
        for server, pointer in _servers(gateway):
            if (port := _port(server)) and port not in forwarded:
                message = f"no Service forwards to port {port} of the gateway's pods"
                yield Observation(code="MW3503", manifest=gateway, message=message, pointer=f"{pointer}/port/number")


def _forwarded(manifests: Manifests, pods: shapes.Pods) -> Iterator[int]:
    for service in manifests.of("", "Service", pods.namespace):
        chosen = mapping(service.spec.get("selector"))
        if chosen and pods.has(chosen):
            for port in map(mapping, items(service.spec.get("ports"))):
                yield from (shapes.number(port.get("port")), shapes.number(port.get("targetPort")))


@analyzers.analyzer("MW3502", "MW3504")
def gateways_do_not_meet(manifests: Manifests) -> Iterator[Observation]:
    """Servers of several Gateways with one host and port, or one certificate."""
    pods = shapes.pods(manifests)
    everyone = _gateways(manifests)
    for gateway in everyone:
        rivals = [each for each in everyone if each.ref != gateway.ref and _share_pods(gateway, each, pods)]
        for server, pointer in _servers(gateway):
            same_host = [each for each in rivals if any(_conflict(server, other) for other, _ in _servers(each))]
            if same_host:
                names = ", ".join(f"{each.ref.namespace}/{each.ref.name}" for each in same_host)
                message = (
                    f"port {_port(server)} with {', '.join(map(str, items(server.get('hosts'))))} is also in {names}"
                )
                yield Observation(code="MW3502", manifest=gateway, message=message, pointer=pointer, related=same_host)
            same_key = [each for each in rivals if any(_same_certificate(server, other) for other, _ in _servers(each))]
            if same_key:
                message = f"its certificate is also used by {', '.join(str(each.ref) for each in same_key)}"
                yield Observation(
                    code="MW3504", manifest=gateway, message=message, pointer=f"{pointer}/tls", related=same_key
                )


def _share_pods(one: Manifest, other: Manifest, pods: list[shapes.Pods]) -> bool:
    a, b = mapping(one.spec.get("selector")), mapping(other.spec.get("selector"))
    return a == b or any(each.has(a) and each.has(b) for each in pods)


def _conflict(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if _port(one) != _port(other) or one.get("bind") != other.get("bind"):
        return False
    return any(str(a) == str(b) for a in items(one.get("hosts")) for b in items(other.get("hosts")))


def _same_certificate(one: dict[str, Any], other: dict[str, Any]) -> bool:
    a, b = mapping(one.get("tls")), mapping(other.get("tls"))
    if a.get("credentialName") or b.get("credentialName"):
        return a.get("credentialName") == b.get("credentialName")
    files = ("serverCertificate", "privateKey")
    return all(a.get(key) and a.get(key) == b.get(key) for key in files)


@analyzers.analyzer("MW3506")
def servers_are_verified(manifests: Manifests) -> Iterator[Observation]:
    """TLS to a host without authorities to verify its certificate."""
    for rule in manifests.of(shapes.NETWORKING, "DestinationRule"):
        policy = mapping(rule.spec.get("trafficPolicy"))
        places = [(policy, "#/spec/trafficPolicy/tls")]
        for index, port in enumerate(items(policy.get("portLevelSettings"))):
            places.append((mapping(port), f"#/spec/trafficPolicy/portLevelSettings/{index}/tls"))
        for place, pointer in places:
            tls = mapping(place.get("tls"))
            by_secret = tls.get("credentialName") and rule.spec.get("workloadSelector")
            if tls.get("mode") in _ORIGINATING and not tls.get("caCertificates") and not by_secret:
                message = f"TLS to {rule.spec.get('host')} accepts any certificate"
                yield Observation(code="MW3506", manifest=rule, message=message, pointer=pointer)
