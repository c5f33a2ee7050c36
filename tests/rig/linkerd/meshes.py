"""A mesh to translate for: the sample application with proxies of Linkerd."""

from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent
from rig.kubernetes.bookinfo import NAMESPACE, VERSIONS, designed, services, workloads

__all__ = ["MINOR", "NAMESPACE", "SAMPLES", "bookinfo", "designed"]
MINOR = "2.20"
"""what the rendered installation is: edge-26.6"""
_VERSIONS = {**VERSIONS, "web": ["v1"]}


def bookinfo(namespace: str = NAMESPACE, *, minor: str = MINOR) -> LinkerdFacts:
    """Services with versions, all of them enrolled."""
    return LinkerdFacts(
        version=minor,
        release="edge-26.6.3",
        gateway_api=True,
        tls_route="v1",
        services=services(namespace, [*_VERSIONS]),
        workloads=workloads(namespace, versions=_VERSIONS),
        design="canary",
        namespace=namespace,
    )


SAMPLES: tuple[AnyIntent, ...] = (
    wishes.MutualTls(mode="strict", service="details"),
    wishes.TrafficSplit(
        service="reviews",
        backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)],
    ),
    wishes.HeaderRoute(service="reviews", header=wishes.HeaderMatch(name="x-user", exact="tester"), version="v2"),
    wishes.Retry(service="reviews", attempts=3),
    wishes.Timeout(service="reviews", timeout="1500ms"),
    wishes.RateLimit(service="ratings", requests=100),
    wishes.CircuitBreaker(service="ratings", outlier_detection=wishes.OutlierDetection(max_ejection_percent=100)),
    wishes.Allow(source="reviews", service="ratings"),
    wishes.DenyAll(service="ratings"),
    wishes.EgressControl(hosts=["example.org"]),
    wishes.AccessLog(service="ratings"),
)
"""one of each that Linkerd can do; together they are a design"""
