"""A mesh to translate for: the sample application with proxies of Linkerd."""

import msgspec

from meshwright.adapters.linkerd.facts import LinkerdFacts, Service, ServicePort, Workload
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent

NAMESPACE = "shop"
MINOR = "2.20"
"""what the rendered installation is: edge-26.6"""
_SERVICES = {
    "details": ["v1"], "ratings": ["v1"], "reviews": ["v1", "v2", "v3"], "productpage": ["v1"], "web": ["v1"],
}  # fmt: skip


def bookinfo(namespace: str = NAMESPACE, *, minor: str = MINOR) -> LinkerdFacts:
    """Services with versions, all of them enrolled."""
    port = ServicePort(number=9080, name="http", target=9080)
    services = [Service(namespace=namespace, name=name, ports=[port], selector={"app": name}) for name in _SERVICES]
    workloads = [
        Workload(
            namespace=namespace,
            name=f"{name}-{version}",
            labels={"app": name, "version": version},
            service_account=f"bookinfo-{name}",
        )
        for name, versions in _SERVICES.items()
        for version in versions
    ]
    return LinkerdFacts(
        version=minor,
        release="edge-26.6.3",
        gateway_api=True,
        tls_route="v1",
        services=services,
        workloads=workloads,
        design="canary",
        namespace=namespace,
    )


def designed(facts: LinkerdFacts, *intents: AnyIntent) -> LinkerdFacts:
    """The same mesh with a design of these intents."""
    return msgspec.structs.replace(facts, intents=list(intents))


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
