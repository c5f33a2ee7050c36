"""A mesh to translate for: the sample application with proxies of Linkerd."""

import msgspec

from meshwright.adapters.linkerd.facts import LinkerdFacts, Service, ServicePort, Workload
from meshwright.schemas.intents import AnyIntent

NAMESPACE = "shop"
_SERVICES = {
    "details": ["v1"], "ratings": ["v1"], "reviews": ["v1", "v2", "v3"], "productpage": ["v1"], "web": ["v1"],
}  # fmt: skip


def bookinfo(namespace: str = NAMESPACE, *, minor: str = "2.20") -> LinkerdFacts:
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
