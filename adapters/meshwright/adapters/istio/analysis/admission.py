"""Analysis of what istiod's own webhook refuses, so that files are known to be wrong before anybody applies them.

Invariant: whatever is observed here the webhook refuses as well; it refuses more than that.
"""

import re
from collections.abc import Iterator
from typing import Any

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_ACTIONS = ("route", "redirect", "directResponse", "delegate")
_TLS_PROTOCOLS = ("HTTPS", "TLS")
_WITH_CERTIFICATE = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
_CERTIFICATES = ("credentialName", "credentialNames", "tlsCertificates")
_MATCHED = {
    **dict.fromkeys(("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER"), "listener"),
    **dict.fromkeys(("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"), "routeConfiguration"),
    "CLUSTER": "cluster",
}
_SETTINGS = ("outboundTrafficPolicy", "inboundConnectionPool")
_SELECTING = (
    (shapes.SECURITY, "AuthorizationPolicy"),
    (shapes.SECURITY, "RequestAuthentication"),
    (shapes.TELEMETRY, "Telemetry"),
    (shapes.EXTENSIONS, "WasmPlugin"),
)


def _at(code: str, manifest: Manifest, pointer: str, message: str) -> Observation:
    return Observation(code=code, manifest=manifest, message=message, pointer=pointer)


@analyzers.analyzer("MW3112")
def virtual_services_are_whole(manifests: Manifests) -> Iterator[Observation]:
    """Routes that are missing or lead nowhere, hosts and gateways that cannot be."""
    for service in manifests.of(shapes.NETWORKING, "VirtualService"):
        if not any(items(service.spec.get(each)) for each in ("http", "tcp", "tls")):
            yield _at("MW3112", service, "#/spec", "it has neither http nor tcp nor tls")
        for index, route in enumerate(map(mapping, items(service.spec.get("http")))):
            if not any(route.get(each) for each in _ACTIONS):
                message = f"route {index} has neither {', nor '.join(_ACTIONS[:3])}"
                yield _at("MW3112", service, f"#/spec/http/{index}", message)
        for route, pointer in shapes.routes(service):
            yield from _targets(service, items(route.get("route")), f"{pointer}/route")
        if "*" in shapes.hosts(service) and shapes.MESH_GATEWAY in shapes.gateways(service):
            yield _at("MW3112", service, "#/spec/hosts", "the host * is for gateways, and this one is for the mesh too")
        for index, name in enumerate(map(str, items(service.spec.get("gateways")))):
            wrong = [part for part in name.split("/") if not _LABEL.fullmatch(part) and "." not in part]
            if wrong:
                yield _at("MW3112", service, f"#/spec/gateways/{index}", f"{wrong[0]!r} is no name of a gateway")


def _targets(service: Manifest, targets: list[Any], pointer: str) -> Iterator[Observation]:
    for index, target in enumerate(map(mapping, targets)):
        if not mapping(target.get("destination")).get("host"):
            yield _at("MW3112", service, f"{pointer}/{index}", "it has no destination")
    if len(targets) > 1 and not any(shapes.number(mapping(each).get("weight")) for each in targets):
        yield _at("MW3112", service, pointer, "the weights add up to 0")


@analyzers.analyzer("MW3307")
def service_entries_name_hosts(manifests: Manifests) -> Iterator[Observation]:
    """Hosts that are missing, mean everything, or cannot be looked up."""
    for entry in manifests.of(shapes.NETWORKING, "ServiceEntry"):
        hosts = shapes.hosts(entry)
        if not hosts:
            yield _at("MW3307", entry, "#/spec", "it has no host")
        in_dns = str(entry.spec.get("resolution") or "NONE").startswith("DNS")
        for index, host in enumerate(hosts):
            if host == "*":
                yield _at("MW3307", entry, f"#/spec/hosts/{index}", "the host * would be every host")
            elif in_dns and "*" in host and not (entry.spec.get("endpoints") or entry.spec.get("workloadSelector")):
                message = f"{host} cannot be looked up in DNS, and no endpoints are given"
                yield _at("MW3307", entry, f"#/spec/hosts/{index}", message)


@analyzers.analyzer("MW3409")
def sidecars_say_something(manifests: Manifests) -> Iterator[Observation]:
    """Sidecars without any configuration."""
    for sidecar in manifests.of(shapes.NETWORKING, "Sidecar"):
        listeners = any(sidecar.spec.get(each) for each in ("egress", "ingress"))
        if not listeners and all(sidecar.spec.get(each) is None for each in _SETTINGS):
            yield _at("MW3409", sidecar, "#/spec", "it has neither ingress nor egress nor an outboundTrafficPolicy")


@analyzers.analyzer("MW3410")
def one_way_to_select(manifests: Manifests) -> Iterator[Observation]:
    """Labels and targetRefs in one resource."""
    for group, kind in _SELECTING:
        for each in manifests.of(group, kind):
            if each.spec.get("selector") and shapes.is_attached(each):
                yield _at("MW3410", each, "#/spec/selector", "it has a selector and targetRefs")


@analyzers.analyzer("MW3507")
def gateways_are_whole(manifests: Manifests) -> Iterator[Observation]:
    """Servers that are missing, their ports, and certificates for TLS."""
    for gateway in manifests.of(shapes.NETWORKING, "Gateway"):
        servers = items(gateway.spec.get("servers"))
        if not servers:
            yield _at("MW3507", gateway, "#/spec", "it has no server")
        names: set[str] = set()
        for index, server in enumerate(map(mapping, servers)):
            port, pointer = mapping(server.get("port")), f"#/spec/servers/{index}"
            name = str(port.get("name") or "")
            if not shapes.number(port.get("number")) and not str(server.get("bind") or "").startswith("unix:"):
                yield _at("MW3507", gateway, pointer, "its server has no port")
            elif name and name in names:
                yield _at("MW3507", gateway, f"{pointer}/port/name", f"two of its ports are called {name}")
            names.add(name)
            yield from _certified(gateway, server, str(port.get("protocol") or "").upper(), pointer)


def _certified(gateway: Manifest, server: dict[str, Any], protocol: str, pointer: str) -> Iterator[Observation]:
    tls = mapping(server.get("tls"))
    if not tls:
        if protocol in _TLS_PROTOCOLS:
            yield _at("MW3507", gateway, pointer, f"its server is for {protocol} and has no tls")
        return
    mode = str(tls.get("mode") or "")
    is_redirect = protocol not in _TLS_PROTOCOLS
    if mode not in _WITH_CERTIFICATE or is_redirect or any(tls.get(each) for each in _CERTIFICATES):
        return
    missing = [each for each in ("serverCertificate", "privateKey") if not tls.get(each)]
    if missing:
        message = f"TLS of mode {mode} needs credentialName, or {' and '.join(missing)}"
        yield _at("MW3507", gateway, f"{pointer}/tls", message)


@analyzers.analyzer("MW3603")
def patches_are_whole(manifests: Manifests) -> Iterator[Observation]:
    """Patches without content, and matches of another kind of object."""
    for each in manifests.of(shapes.NETWORKING, "EnvoyFilter"):
        for index, patch in enumerate(map(mapping, items(each.spec.get("configPatches")))):
            pointer, target = f"#/spec/configPatches/{index}", str(patch.get("applyTo") or "")
            match, wanted = mapping(patch.get("match")), _MATCHED.get(target)
            if match.get("context") == "WAYPOINT":
                continue
            others = {"listener", "routeConfiguration", "cluster"} - {wanted}
            wrong = sorted(key for key in others if key in match) if wanted else []
            if not mapping(patch.get("patch")):
                yield _at("MW3603", each, pointer, "it has no patch")
            if wrong:
                message = f"{target} is matched by {wanted}, not by {wrong[0]}"
                yield _at("MW3603", each, f"{pointer}/match/{wrong[0]}", message)
