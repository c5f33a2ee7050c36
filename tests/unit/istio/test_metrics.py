"""What Istio's statistics mean: who asked whom, of which version, how it came and whether it failed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.istio import metrics
from meshwright.core.kit.traffic import EdgeKey, Meaning, Place
from meshwright.core.kit.traffic.edges import edges
from meshwright.core.kit.traffic.exposition import Exposition
from meshwright.core.kit.traffic.tallies import Reporters, Tallies, Tally, tally
from meshwright.schemas.telemetry import Edge

PLACE = Place(namespace="shop", workload="web")
HTTP = {
    "reporter": "destination",
    "source_workload": "web",
    "source_workload_namespace": "shop",
    "source_canonical_service": "web",
    "destination_workload": "reviews-v2",
    "destination_workload_namespace": "books",
    "destination_service": "reviews.books.svc.cluster.local",
    "destination_service_name": "reviews",
    "destination_service_namespace": "books",
    "destination_canonical_service": "reviews",
    "destination_version": "v2",
    "request_protocol": "http",
    "response_code": "200",
    "grpc_response_status": "",
    "response_flags": "-",
    "connection_security_policy": "mutual_tls",
}
"""a series of `istio_requests_total`, as a proxy of Istio labels it"""


def of(name: str = "istio_requests_total", **labels: str) -> Meaning:
    """What a series means whose labels differ from `HTTP` in these."""
    meaning = metrics.of_istio(name, {**HTTP, **labels}, PLACE)
    assert meaning is not None
    return meaning


def test_a_request_is_on_its_edge_with_its_version_and_security() -> None:
    """Source workload to destination service, as the graph has them."""
    assert of() == Meaning(
        edge=EdgeKey("shop", "web", "books", "reviews", "v2"), reporter="destination", quantity="requests", secured=True
    )


@pytest.mark.parametrize(
    ("labels", "failed"),
    [
        ({"response_code": "404"}, False),
        ({"response_code": "500"}, True),
        ({"response_code": "503", "response_flags": "UF"}, True),
        ({"response_code": "0", "response_flags": "DC"}, True),
        ({"request_protocol": "grpc", "grpc_response_status": "0"}, False),
        ({"request_protocol": "grpc", "grpc_response_status": "5"}, False),
        ({"request_protocol": "grpc", "grpc_response_status": "14"}, True),
    ],
)
def test_errors_are_the_fault_of_the_server(labels: dict[str, str], failed: bool) -> None:
    """Status 5xx, no response at all, and the gRPC statuses that say the same."""
    assert of(**labels).failed is failed


@pytest.mark.parametrize(
    ("reporter", "policy", "secured"),
    [("source", "unknown", None), ("destination", "none", False), ("destination", "mutual_tls", True)],
)
def test_who_does_not_know_the_security_of_a_connection_claims_nothing(
    reporter: str, policy: str, secured: bool | None
) -> None:
    """A source says unknown."""
    meaning = of(reporter=reporter, connection_security_policy=policy)
    assert (meaning.reporter, meaning.secured) == (reporter, secured)


@pytest.mark.parametrize(
    ("labels", "edge"),
    [
        (
            {
                "destination_service": "api.example.com",
                "destination_service_name": "api.example.com",
                "destination_service_namespace": "unknown",
                "destination_version": "unknown",
                "destination_workload": "unknown",
                "destination_canonical_service": "unknown",
            },
            EdgeKey("shop", "web", "", "api-example-com", "", "api.example.com"),
        ),
        (
            {
                "destination_service": "api.example.com",
                "destination_service_name": "PassthroughCluster",
                "destination_service_namespace": "unknown",
                "destination_version": "unknown",
            },
            EdgeKey("shop", "web", "", "api-example-com", "", "api.example.com"),
        ),
        (
            {"destination_service": "10.1.2.3:8080", "destination_service_name": "PassthroughCluster"},
            EdgeKey("shop", "web", "", "10-1-2-3-8080", "v2", "10.1.2.3:8080"),
        ),
        (
            {"destination_service": "unknown", "destination_service_name": "InboundPassthroughCluster"},
            EdgeKey("shop", "web", "books", "reviews", "v2"),
        ),
        (
            {"source_workload": "unknown", "source_workload_namespace": "unknown"},
            EdgeKey("", "unknown", "books", "reviews", "v2"),
        ),
    ],
)
def test_what_is_no_service_of_the_mesh_keeps_its_host(labels: dict[str, str], edge: EdgeKey) -> None:
    """Hosts outside, passthrough, unknown clients."""
    assert of(**labels).edge == edge


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("istio_tcp_connections_opened_total", "connections"),
        ("istio_tcp_received_bytes_total", "sent"),
        ("istio_tcp_sent_bytes_total", "received"),
        ("istio_request_duration_milliseconds", "latency"),
    ],
)
def test_tcp_is_counted_from_the_view_of_who_asks(name: str, quantity: str) -> None:
    """What the destination has received the source has sent."""
    assert of(name).quantity == quantity


@pytest.mark.parametrize("name", ["istio_request_bytes", "istio_tcp_connections_closed_total", "envoy_server_live"])
def test_other_metrics_mean_nothing(name: str) -> None:
    """They are not read."""
    assert metrics.of_istio(name, HTTP, PLACE) is None
    assert metrics.of_envoy(name, HTTP, PLACE) is None
    assert metrics.of_istio("istio_requests_total", {**HTTP, "reporter": "somebody"}, PLACE) is None


@pytest.mark.parametrize(
    ("cluster", "edge"),
    [
        ("outbound|80||reviews.books.svc.cluster.local", EdgeKey("shop", "web", "books", "reviews")),
        ("outbound|80|v2|reviews.books.svc.cluster.local", EdgeKey("shop", "web", "books", "reviews", "v2")),
        ("outbound|443||api.example.com", EdgeKey("shop", "web", "", "api-example-com", "", "api.example.com")),
    ],
)
def test_an_upstream_cluster_of_a_plain_envoy_is_an_edge(cluster: str, edge: EdgeKey) -> None:
    """From the workload whose proxy it is."""
    meaning = metrics.of_envoy("envoy_cluster_upstream_rq_completed", {"cluster_name": cluster}, PLACE)
    assert meaning == Meaning(edge=edge, reporter="source", quantity="requests")


@pytest.mark.parametrize("cluster", ["inbound|8080||", "xds-grpc", "BlackHoleCluster", "outbound|80", ""])
def test_other_clusters_are_no_edges(cluster: str) -> None:
    """The proxy's own, and what comes in, which its source counts."""
    assert metrics.of_envoy("envoy_cluster_upstream_rq_completed", {"cluster_name": cluster}, PLACE) is None


LABELS = st.dictionaries(
    st.sampled_from([*metrics.ISTIO.labels, *metrics.ENVOY.labels]), st.text(max_size=80), max_size=20
)
NAMES = st.sampled_from([each for one in (metrics.ISTIO, metrics.ENVOY) for each in (*one.counters, *one.histograms)])


@given(NAMES, LABELS, st.sampled_from(["source", "destination", "waypoint"]))
def test_whatever_proxies_say_the_edge_keeps_the_contract(name: str, labels: dict[str, str], reporter: str) -> None:
    """Labels are what people and programs wrote: an edge made of them is still a legal one."""
    for statistics in (metrics.ISTIO, metrics.ENVOY):
        meaning = statistics.interpret(name, {**labels, "reporter": reporter}, PLACE)
        if meaning is None:
            continue
        for edge in edges({meaning.edge: Tally(requests=1, rate=1)}):
            assert msgspec.convert(msgspec.to_builtins(edge), Edge) == edge


def lines(name: str, value: float, **labels: str) -> str:
    """A line of a proxy's answer."""
    text = ",".join(f'{key}="{value}"' for key, value in {**HTTP, **labels}.items())
    return f"{name}{{{text}}} {value}\n"


def test_both_ends_of_an_answer_make_one_edge() -> None:
    """From the text of two proxies to the edge that a person sees."""
    istio = metrics.ISTIO
    reader = Exposition(istio.counters, istio.histograms)
    answer = lines("istio_requests_total", 8, reporter="source", connection_security_policy="unknown")
    answer += lines("istio_requests_total", 2, reporter="source", response_code="503")
    answer += lines("istio_requests_total", 9)
    for bound, count in (("5", 5), ("10", 9), ("+Inf", 10)):
        answer += lines("istio_request_duration_milliseconds_bucket", count, reporter="source", le=bound)
    total: Tallies = {}
    tally(total, istio, [(reader.read(answer.encode()), PLACE, 10.0)])
    (edge,) = edges(Reporters().choose(total))
    shown: dict[str, Any] = {name: getattr(edge, name) for name in ("source", "destination", "destination_version")}
    assert shown == {"source": "web", "destination": "reviews", "destination_version": "v2"}
    assert (edge.requests, edge.errors, edge.rate, edge.error_rate, edge.p50_ms) == (10, 2, 1.0, 0.2, 5.0)
    assert edge.mutual_tls == 1.0
    assert [(each.lower_ms, each.upper_ms, each.count) for each in edge.latencies] == [
        (0, 5, 5),
        (5, 10, 4),
        (10, None, 1),
    ]
