"""What the statistics of Istio's proxies mean, and those of a plain Envoy that istiod configures.

Problem: Istio's standard metrics say who asked whom, and a proxy without its filter has none; what that counts of its
upstream clusters says the same from the side of who asks. Invariant: all that the meaning depends on stands in
`labels`, so sums over all other labels lose nothing.
https://istio.io/latest/docs/reference/config/metrics.
"""

import re
from collections.abc import Mapping

from meshwright.core.kit import traffic
from meshwright.core.kit.traffic import EdgeKey, Meaning, Place, Quantity, Reporter

_NONE = ("", "unknown")
_NOT_SERVICES = ("PassthroughCluster", "BlackHoleCluster", "InboundPassthroughCluster")
_CLUSTER_DOMAIN = ".svc."
_REPORTERS: dict[str, Reporter] = {"source": "source", "destination": "destination", "waypoint": "waypoint"}
_SECURITY = {"mutual_tls": True, "none": False}
_OF_DEPLOYMENT = re.compile(r"-[a-z0-9]{5,10}-[a-z0-9]{5}\Z")
_GRPC_ERRORS = frozenset({"2", "4", "12", "13", "14", "15"})
"""statuses that are the server's fault: https://opentelemetry.io/docs/specs/semconv/rpc/grpc"""
_QUANTITIES: dict[str, Quantity] = {
    "istio_requests_total": "requests",
    "istio_request_duration_milliseconds": "latency",
    "istio_tcp_connections_opened_total": "connections",
    "istio_tcp_received_bytes_total": "sent",
    "istio_tcp_sent_bytes_total": "received",
}
"""Istio says sent of what the destination sends."""
_ENVOY: dict[str, Quantity] = {
    "envoy_cluster_upstream_rq_completed": "requests",
    "envoy_cluster_upstream_rq": "errors",
    "envoy_cluster_upstream_rq_time": "latency",
    "envoy_cluster_upstream_cx_total": "connections",
    "envoy_cluster_ssl_handshake": "secured",
    "envoy_cluster_upstream_cx_tx_bytes_total": "sent",
    "envoy_cluster_upstream_cx_rx_bytes_total": "received",
}


def of_istio(name: str, labels: Mapping[str, str], place: Place) -> Meaning | None:
    """A series of the standard metrics."""
    quantity, reporter = _QUANTITIES.get(name), _REPORTERS.get(labels.get("reporter", ""))
    if quantity is None or reporter is None:
        return None
    code, grpc = labels.get("response_code", ""), labels.get("grpc_response_status", "")
    return Meaning(
        edge=_edge(labels),
        reporter=reporter,
        quantity=quantity,
        failed=code.startswith("5") or code == "0" or grpc in _GRPC_ERRORS,
        secured=_SECURITY.get(labels.get("connection_security_policy", "")),
        is_grpc=labels.get("request_protocol") == "grpc",
    )


def _edge(labels: Mapping[str, str]) -> EdgeKey:
    service = labels.get("destination_service_name", "")
    namespace = labels.get("destination_service_namespace", "")
    host = ""
    if service in (*_NONE, *_NOT_SERVICES) or "." in service:
        host = labels.get("destination_service", "")
        host = "" if host in _NONE or _CLUSTER_DOMAIN in host else host
        service = host or labels.get("destination_canonical_service", "") or labels.get("destination_workload", "")
    version = labels.get("destination_version", "")
    return traffic.edge_key(
        source_namespace=_known(labels.get("source_workload_namespace", "")),
        source=labels.get("source_workload", ""),
        destination_namespace="" if host else _known(namespace),
        destination=service,
        version=_known(version),
        host=host,
    )


def _known(text: str) -> str:
    return "" if text in _NONE else text


def of_envoy(name: str, labels: Mapping[str, str], place: Place) -> Meaning | None:
    """A series of an upstream cluster, `outbound|<port>|<subset>|<host>`; a subset counts as the version.

    Within the mesh TLS counts as mutual: Envoy does not count whether a server wanted a certificate.
    """
    quantity = _ENVOY.get(name)
    direction, _, rest = labels.get("cluster_name", "").partition("|")
    if quantity is None or direction != "outbound" or rest.count("|") != 2:
        return None
    if quantity == "errors" and labels.get("response_code_class") != "5xx":
        return None
    _, subset, host = rest.split("|")
    service, _, domain = host.partition(".")
    inside = _CLUSTER_DOMAIN in f"{host}."
    if quantity == "secured" and not inside:
        return None
    edge = traffic.edge_key(
        source_namespace=place.namespace or labels.get("namespace", ""),
        source=place.workload or _workload(labels.get("pod", "")),
        destination_namespace=domain.partition(".")[0] if inside else "",
        destination=service if inside else host,
        version=subset,
        host="" if inside else host,
    )
    plain = False if quantity == "connections" and inside else None
    return Meaning(edge=edge, reporter="source", quantity=quantity, secured=plain)


def _workload(pod: str) -> str:
    """What a pod belongs to, as far as its name says it: the one of a Deployment ends with two random parts."""
    return _OF_DEPLOYMENT.sub("", pod)


ISTIO = traffic.Statistics(
    name="istio",
    counters=[name for name, quantity in _QUANTITIES.items() if quantity != "latency"],
    histograms=["istio_request_duration_milliseconds"],
    labels=[
        "reporter", "source_workload", "source_workload_namespace", "destination_service", "destination_service_name",
        "destination_service_namespace", "destination_canonical_service", "destination_workload",
        "destination_version", "connection_security_policy", "response_code", "grpc_response_status",
        "request_protocol",
    ],
    interpret=of_istio,
)  # fmt: skip
ENVOY = traffic.Statistics(
    name="envoy",
    counters=[name for name, quantity in _ENVOY.items() if quantity != "latency"],
    histograms=["envoy_cluster_upstream_rq_time"],
    labels=["cluster_name", "response_code", "response_code_class", "namespace", "pod"],
    interpret=of_envoy,
)
