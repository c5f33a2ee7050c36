"""Meshes to translate for: Bookinfo with sidecars, and in ambient with a waypoint."""

import msgspec

from meshwright.adapters.istio.facts import (
    IngressGateway,
    IstioFacts,
    Mode,
    NamespaceFacts,
    Service,
    ServicePort,
    Waypoint,
    Workload,
)
from meshwright.schemas.intents import AnyIntent

NAMESPACE = "shop"
_SERVICES = {"details": ["v1"], "ratings": ["v1"], "reviews": ["v1", "v2", "v3"], "productpage": ["v1"]}


def bookinfo(mode: Mode = "sidecar", *, namespace: str = NAMESPACE, waypoint: bool = False) -> IstioFacts:
    """Istio's sample application, enrolled in this way."""
    place = f"{namespace}/waypoint" if waypoint else ""
    port = ServicePort(number=9080, name="http", protocol="http", target=9080)
    services = [
        Service(namespace=namespace, name=name, ports=[port], selector={"app": name}, waypoint=place)
        for name in _SERVICES
    ]
    workloads = [
        Workload(
            namespace=namespace,
            name=f"{name}-{version}",
            labels={"app": name, "version": version},
            service_account=f"bookinfo-{name}",
            mode=mode,
        )
        for name, versions in _SERVICES.items()
        for version in versions
    ]
    result = [Waypoint(namespace=namespace, name="waypoint", service_account="waypoint")] if waypoint else []
    return IstioFacts(
        version="1.30.3",
        json_log="envoy",
        namespaces=[NamespaceFacts(name=namespace, mode=mode, revision="default" if mode == "sidecar" else "")],
        services=services,
        workloads=workloads,
        waypoints=result,
        gateways=[IngressGateway(namespace="istio-ingress", name="gateway", labels={"istio": "ingress"})],
        design="canary",
        namespace=namespace,
    )


def designed(facts: IstioFacts, *intents: AnyIntent) -> IstioFacts:
    """The same mesh with a design of these intents."""
    return msgspec.structs.replace(facts, intents=list(intents))
