"""Meshes to translate for: Bookinfo with sidecars, and in ambient with a waypoint."""

from meshwright.adapters.istio.facts import IngressGateway, IstioFacts, NamespaceFacts, Waypoint
from meshwright.core.kit.kubernetes.facts import Mode
from rig.kubernetes.bookinfo import NAMESPACE, designed, services, workloads

__all__ = ["NAMESPACE", "bookinfo", "designed"]


def bookinfo(mode: Mode = "sidecar", *, namespace: str = NAMESPACE, waypoint: bool = False) -> IstioFacts:
    """Istio's sample application, enrolled in this way."""
    result = [Waypoint(namespace=namespace, name="waypoint", service_account="waypoint")] if waypoint else []
    place = NamespaceFacts(
        name=namespace,
        mode=mode,
        revision="default" if mode == "sidecar" else "",
        waypoint=f"{namespace}/waypoint" if waypoint else "",
    )
    return IstioFacts(
        version="1.30.3",
        json_log="envoy",
        namespaces=[place],
        services=services(namespace),
        workloads=workloads(namespace, mode),
        waypoints=result,
        gateways=[IngressGateway(namespace="istio-ingress", name="gateway", labels={"istio": "ingress"})],
        design="canary",
        namespace=namespace,
    )
