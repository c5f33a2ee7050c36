"""A mesh to translate for: the sample application with proxies of Kuma."""

from typing import Any

import msgspec

from meshwright.adapters.kuma.facts import Identity, KumaFacts
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent
from rig.kubernetes.bookinfo import NAMESPACE, VERSIONS, designed, services, workloads

__all__ = ["NAMESPACE", "SAMPLES", "bookinfo", "designed"]
_VERSIONS = {**VERSIONS, "web": ["v1"]}


def bookinfo(namespace: str = NAMESPACE, version: str = "3.0", **more: Any) -> KumaFacts:
    """Services with versions, all of them enrolled, with identities."""
    spoken = [
        msgspec.structs.replace(
            each, ports=[msgspec.structs.replace(port, app_protocol="http", http=True) for port in each.ports]
        )
        for each in services(namespace, [*_VERSIONS])
    ]
    known: dict[str, Any] = {"identities": [Identity()], **more}
    return KumaFacts(
        version=version,
        services=spoken,
        workloads=workloads(namespace, versions=_VERSIONS),
        design="canary",
        namespace=namespace,
        **known,
    )


SAMPLES: tuple[AnyIntent, ...] = (
    wishes.MutualTls(mode="strict"),
    wishes.TrafficSplit(
        service="reviews",
        backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)],
    ),
    wishes.HeaderRoute(service="reviews", header=wishes.HeaderMatch(name="x-user", exact="tester"), version="v2"),
    wishes.Mirror(service="reviews", version="v3", percent=10),
    wishes.Retry(service="reviews", attempts=3),
    wishes.Timeout(service="reviews", timeout="1500ms"),
    wishes.FaultDelay(service="reviews", delay="2s", percent=10),
    wishes.FaultAbort(service="reviews", status=503, percent=0.5),
    wishes.RateLimit(service="ratings", requests=100, per="1m"),
    wishes.CircuitBreaker(service="ratings", max_connections=10, outlier_detection=wishes.OutlierDetection()),
    wishes.Allow(source="reviews", service="ratings"),
    wishes.DenyAll(service="details"),
    wishes.EgressControl(hosts=["example.org", "*.example.net", "10.1.0.0/16"]),
    wishes.AccessLog(service="ratings"),
    wishes.LoadBalancing(service="reviews", policy="ring-hash", hash_header="x-user"),
)
"""one of each that Kuma can do in every version; together they are a design"""
INGRESS = wishes.Ingress(host="shop.example", service="web")
"""what it can do until 3.0"""
