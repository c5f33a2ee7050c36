"""What the statistics of Linkerd's proxies mean. The exposition here is written by hand, with the names and labels that
Linkerd's reference gives: no real proxy has made it.
"""

import pytest

from meshwright.adapters.linkerd.telemetry import metrics
from meshwright.core.kit.traffic import EdgeKey, Meaning, Place

PLACE = Place(namespace="shop", workload="web")
OUTBOUND = {
    "direction": "outbound",
    "authority": "reviews.shop.svc.cluster.local:9080",
    "tls": "true",
    "dst_service": "reviews",
    "dst_namespace": "shop",
    "dst_deployment": "reviews-v2",
    "status_code": "200",
    "classification": "success",
}
EDGE = EdgeKey("shop", "web", "shop", "reviews")


def of(name: str = "response_total", **labels: str) -> Meaning | None:
    """What a series means whose labels differ from `OUTBOUND` in these."""
    return metrics.of_linkerd(name, {**OUTBOUND, **labels}, PLACE)


def test_a_response_is_on_the_edge_of_who_asked_with_its_security() -> None:
    """By the proxy of who asks; a failure is one by Linkerd's own classification, gRPC included."""
    assert of() == Meaning(edge=EDGE, reporter="source", quantity="requests", secured=True)
    assert of(classification="failure") == Meaning(
        edge=EDGE, reporter="source", quantity="requests", failed=True, secured=True
    )
    latency = of("response_latency_ms")
    assert latency is not None
    assert (latency.quantity, latency.unit) == ("latency", 1.0)


def test_nothing_counts_twice() -> None:
    """Inbound series and the count of requests say the same again, and are left out."""
    assert of(direction="inbound") is None
    assert of("request_total") is None
    assert of("route_response_total") is None


@pytest.mark.parametrize(
    ("labels", "edge"),
    [
        ({"dst_service": "", "dst_namespace": ""}, EDGE),
        (
            {"dst_service": "", "dst_namespace": "", "authority": "api.example.com:443"},
            EdgeKey("shop", "web", "", "api-example-com", "", "api.example.com"),
        ),
    ],
)
def test_who_is_asked_is_known_by_the_authority_where_labels_do_not_say_it(
    labels: dict[str, str], edge: EdgeKey
) -> None:
    """A service by its name in the cluster, everything else as a host outside."""
    meaning = of(**labels)
    assert meaning is not None
    assert meaning.edge == edge


def test_a_prometheus_says_who_asks_by_its_own_labels() -> None:
    """Where the series was not read from the proxy itself."""
    for labels in ({"deployment": "web"}, {"pod": "web-5b7f5657f6-xbjjw"}):
        meaning = metrics.of_linkerd("response_total", {**OUTBOUND, "namespace": "shop", **labels}, Place())
        assert meaning is not None
        assert meaning.edge == EDGE
