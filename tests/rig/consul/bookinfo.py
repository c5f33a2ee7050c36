"""The sample application as it stands in a cluster with Consul, and one intent of each that Consul can do there."""

import msgspec

from meshwright.core.kit.kubernetes.facts import KubernetesFacts
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent
from rig.kubernetes.bookinfo import VERSIONS, services, workloads

_VERSIONS = {**VERSIONS, "web": ["v1"]}


def bookinfo(namespace: str) -> KubernetesFacts:
    """Services with versions, all of whose pods ask for a proxy and say which version they are."""
    asking = [
        msgspec.structs.replace(
            each,
            annotations={
                "consul.hashicorp.com/connect-inject": "true",
                "consul.hashicorp.com/service-meta-version": each.labels["version"],
            },
        )
        for each in workloads(namespace, versions=_VERSIONS)
    ]
    return KubernetesFacts(services=services(namespace, [*_VERSIONS]), workloads=asking, namespace=namespace)


SAMPLES: tuple[AnyIntent, ...] = (
    wishes.MutualTls(mode="strict", service="details"),
    wishes.TrafficSplit(
        service="reviews",
        backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)],
    ),
    wishes.HeaderRoute(service="reviews", header=wishes.HeaderMatch(name="x-user", exact="tester"), version="v2"),
    wishes.Retry(service="reviews", attempts=3),
    wishes.Timeout(service="reviews", timeout="1500ms"),
    wishes.LoadBalancing(service="ratings", policy="least-request"),
    wishes.CircuitBreaker(service="ratings", max_connections=10),
    wishes.Allow(source="reviews", service="ratings"),
    wishes.DenyAll(service="details"),
    wishes.AccessLog(),
)
"""together they are a design"""
