"""What the statistics of Linkerd's proxies mean: who asked whom, by the proxy of who asks.

Problem: a proxy's inbound series do not say which service was asked for, its outbound series do. Invariant: outbound
responses alone count, so no request counts twice; what is not there is not guessed, as the version of a service.
https://linkerd.io/2-edge/reference/proxy-metrics.
"""

import re
from collections.abc import Mapping

from meshwright.core.kit import traffic
from meshwright.core.kit.traffic import EdgeKey, Meaning, Place, Quantity

_OF_DEPLOYMENT = re.compile(r"-[a-z0-9]{5,10}-[a-z0-9]{5}\Z")
_SERVICE_NAME = re.compile(r"(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc\..+")
_QUANTITIES: dict[str, Quantity] = {"response_total": "requests", "response_latency_ms": "latency"}
_SECURITY = {"true": True, "false": False, "no_identity": False, "disabled": False}


def of_linkerd(name: str, labels: Mapping[str, str], place: Place) -> Meaning | None:
    """A series of a proxy."""
    quantity = _QUANTITIES.get(name)
    if quantity is None or labels.get("direction") != "outbound":
        return None
    edge = _edge(labels, place)
    if edge is None:
        return None
    return Meaning(
        edge=edge,
        reporter="source",
        quantity=quantity,
        failed=labels.get("classification") == "failure",
        secured=_SECURITY.get(labels.get("tls", "")),
    )


def _edge(labels: Mapping[str, str], place: Place) -> EdgeKey | None:
    """Between whom; None where a series names nobody."""
    service, namespace = labels.get("dst_service", ""), labels.get("dst_namespace", "")
    authority = labels.get("authority", "").rpartition(":")[0] or labels.get("authority", "")
    inside = _SERVICE_NAME.fullmatch(authority)
    if not service and inside:
        service, namespace = inside["name"], inside["namespace"]
    if not service and not authority:
        return None
    return traffic.edge_key(
        source_namespace=place.namespace or labels.get("namespace", ""),
        source=place.workload or labels.get("deployment", "") or _OF_DEPLOYMENT.sub("", labels.get("pod", "")),
        destination_namespace=namespace if service else "",
        destination=service or authority,
        host="" if service else authority,
    )


LINKERD = traffic.Statistics(
    name="linkerd",
    counters=["response_total"],
    histograms=["response_latency_ms"],
    labels=[
        "direction", "authority", "tls", "classification", "dst_service", "dst_namespace",
        "namespace", "deployment", "pod",
    ],
    interpret=of_linkerd,
)  # fmt: skip
