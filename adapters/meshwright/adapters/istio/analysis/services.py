"""Analysis of Services and ServiceEntries: protocols that Istio has to guess, and ports that contradict each other."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from meshwright.adapters.istio.analysis import injection, shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_PROTOCOLS = {"grpc", "grpc-web", "http", "http2", "https", "mongo", "mysql", "redis", "tcp", "tls", "udp"}
_APP_PROTOCOLS = _PROTOCOLS | {"kubernetes.io/h2c", "kubernetes.io/ws", "kubernetes.io/wss"}
_WELL_KNOWN = {3306, 27017}  # Istio takes these for MySQL and MongoDB
_MANAGED = "gateway.istio.io/managed"


@analyzers.analyzer("MW3301", "MW3306")
def ports_name_their_protocol(manifests: Manifests) -> Iterator[Observation]:
    """Ports whose protocol nobody says."""
    for service in manifests.of("", "Service"):
        if _MANAGED in service.labels or service.ref.namespace in shapes.SYSTEM_NAMESPACES:
            continue
        for index, port in enumerate(map(mapping, items(service.spec.get("ports")))):
            external = service.spec.get("type") == "ExternalName"
            name, number = str(port.get("name") or ""), shapes.number(port.get("port"))
            if external and (not _says_protocol(port) or name == "tcp"):
                message = f"port {number} of {service.ref.name} is treated as TCP"
                yield Observation(code="MW3306", manifest=service, message=message, pointer=f"#/spec/ports/{index}")
            elif not external and not _says_protocol(port):
                called = f"is called {name!r}" if name else "has no name"
                message = f"port {number} of {service.ref.name} {called}, which says no protocol"
                yield Observation(code="MW3301", manifest=service, message=message, pointer=f"#/spec/ports/{index}")


def _says_protocol(port: dict[str, Any]) -> bool:
    if str(port.get("protocol") or "TCP") != "TCP" or shapes.number(port.get("port")) in _WELL_KNOWN:
        return True
    if app := str(port.get("appProtocol") or "").lower():
        return app in _APP_PROTOCOLS
    name = str(port.get("name") or "").lower()
    return name in _PROTOCOLS or name.startswith("grpc-web-") or name.partition("-")[0] in _PROTOCOLS


@analyzers.analyzer("MW3302", "MW3303")
def services_agree_on_ports(manifests: Manifests) -> Iterator[Observation]:
    """Services of one workload with different protocols or target ports."""
    membership = injection.Membership(manifests)
    for pods in shapes.pods(manifests):
        if pods.manifest.ref.kind == "Pod" or membership.is_outside(pods):
            continue
        services = [
            each
            for each in manifests.of("", "Service", pods.namespace)
            if mapping(each.spec.get("selector")) and pods.has(mapping(each.spec.get("selector")))
        ]
        protocols: defaultdict[int, dict[str, Manifest]] = defaultdict(dict)
        targets: defaultdict[str, dict[int, Manifest]] = defaultdict(dict)
        for service in services:
            for port in map(mapping, items(service.spec.get("ports"))):
                number = shapes.number(port.get("port"))
                protocols[number][str(port.get("protocol") or "TCP")] = service
                targets[str(port.get("targetPort") or number)][number] = service
        name = f"{pods.manifest.ref.kind} {pods.manifest.ref.name}"
        for number, by_protocol in protocols.items():
            if len(by_protocol) > 1:
                message = f"port {number} of the services of {name} is {' and '.join(sorted(by_protocol))}"
                yield _of_workload("MW3302", pods, message, list(by_protocol.values()))
        for target, by_port in targets.items():
            if len(by_port) > 1:
                written = ", ".join(map(str, sorted(by_port)))
                message = f"target port {target} of {name} is behind the ports {written}"
                yield _of_workload("MW3303", pods, message, list(by_port.values()))


def _of_workload(code: str, pods: shapes.Pods, message: str, related: list[Manifest]) -> Observation:
    return Observation(code=code, manifest=pods.manifest, message=message, pointer="#/metadata/name", related=related)


@analyzers.analyzer("MW3304", "MW3305")
def service_entries_are_clear(manifests: Manifests) -> Iterator[Observation]:
    """TCP ports without addresses, and one port with several protocols."""
    used: defaultdict[tuple[str, int], dict[str, list[Manifest]]] = defaultdict(dict)
    for entry in manifests.of(shapes.NETWORKING, "ServiceEntry"):
        given = entry.spec.get("addresses") or mapping(entry.body.get("status")).get("addresses")
        for index, port in enumerate(map(mapping, items(entry.spec.get("ports")))):
            protocol = str(port.get("protocol") or "TCP").upper()
            if protocol == "TCP" and not given:
                message = f"port {shapes.number(port.get('number'))} is for TCP, and no addresses are given"
                yield Observation(code="MW3304", manifest=entry, message=message, pointer=f"#/spec/ports/{index}")
            for host in shapes.hosts(entry):
                used[host, shapes.number(port.get("number"))].setdefault(protocol, []).append(entry)
    for (host, number), protocols in used.items():
        entries = [each for several in protocols.values() for each in several]
        if len(protocols) > 1 and len({each.ref for each in entries}) > 1:
            for entry in entries:
                if not any(_sees(entry, each) for each in entries if each.ref != entry.ref):
                    continue
                message = f"port {number} of {host} is {' and '.join(sorted(protocols))}"
                others = [each for each in entries if each.ref != entry.ref]
                yield Observation(
                    code="MW3305", manifest=entry, message=message, pointer="#/spec/ports", related=others
                )


def _sees(one: Manifest, other: Manifest) -> bool:
    a, b = shapes.exported_to(one), shapes.exported_to(other)
    return shapes.EVERYWHERE in a | b or bool(a & b)
