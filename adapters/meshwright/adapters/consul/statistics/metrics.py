"""What the statistics of Consul's Envoys mean.

Invariant: who asks is known by whose statistics they are, and who is asked by the name of the upstream cluster, which
Consul makes of the subset, the service, the datacenter and the trust domain.
"""

import re
from collections.abc import Mapping

from meshwright.core.kit import traffic
from meshwright.core.kit.traffic import Meaning, Place, Quantity

_CLUSTER = re.compile(
    r"(?:(?P<subset>[a-z0-9-]+)\.)?(?P<service>[A-Za-z0-9_-]+)\.default\.[a-z0-9_-]+\.internal(-v\d+)?\.[0-9a-f-]{36}\.consul"
)
"""`v1.reviews.default.dc1.internal.<trust domain>`; `default` is the namespace of the Community edition"""
_QUANTITIES: dict[str, Quantity] = {
    "envoy_cluster_upstream_rq_completed": "requests",
    "envoy_cluster_upstream_rq_xx": "errors",
    "envoy_cluster_upstream_rq_time": "latency",
    "envoy_cluster_upstream_cx_total": "connections",
    "envoy_cluster_ssl_handshake": "secured",
    "envoy_cluster_upstream_cx_tx_bytes_total": "sent",
    "envoy_cluster_upstream_cx_rx_bytes_total": "received",
}


def of_envoy(name: str, labels: Mapping[str, str], place: Place) -> Meaning | None:
    """A series of an upstream cluster; a subset counts as the version. Mutual TLS is what Consul's clusters speak."""
    quantity = _QUANTITIES.get(name)
    match = _CLUSTER.fullmatch(labels.get("envoy_cluster_name", ""))
    if quantity is None or match is None:
        return None
    if quantity == "errors" and labels.get("envoy_response_code_class") != "5":
        return None
    source = place.workload or labels.get("consul_source_service", "") or labels.get("local_cluster", "")
    edge = traffic.edge_key("", source, "", match["service"], version=match["subset"] or "")
    plain = False if quantity == "connections" else None
    return Meaning(edge=edge, reporter="source", quantity=quantity, secured=plain)


ENVOY = traffic.Statistics(
    name="envoy",
    counters=[name for name, quantity in _QUANTITIES.items() if quantity != "latency"],
    histograms=["envoy_cluster_upstream_rq_time"],
    labels=["envoy_cluster_name", "envoy_response_code_class", "consul_source_service", "local_cluster"],
    interpret=of_envoy,
)
