"""The graph of a mesh from its workloads and edges, however it is grouped."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.measurements.totals import Totals
from meshwright.schemas.readings.traffic import TopologyGroup, TopologyLink, TopologyNode
from meshwright.schemas.workloads import Proxy, Workload, workload_id
from meshwright.ui_api.reading.traffic import health
from meshwright.ui_api.reading.traffic.graph import Graph

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
GROUPS: tuple[TopologyGroup, ...] = ("service", "version", "namespace")


def workload(namespace: str, name: str, service: str, **more: Any) -> Workload:
    """A Deployment."""
    return Workload(
        id=workload_id("m", namespace, "deployment", name), mesh="m", connection="c", namespace=namespace,
        kind="deployment", name=name, service=service, observed_at=NOW, **more,
    )  # fmt: skip


SHOP = [
    workload("shop", "web-1", "web", version="v1"),
    workload("shop", "cart-2", "cart", version="v2"),
    workload("shop", "cart-1", "cart", version="v1"),
    workload("shop", "job", ""),
    workload("test", "cart", "cart"),
]


def proxy(state: Any, of: Workload) -> Proxy:
    """A proxy of a workload."""
    return Proxy(id=f"m~{of.name}", mesh="m", name="p", workload=of.id, state=state, observed_at=NOW)


def total(requests: int, errors: int = 0, milliseconds: float = 10.0) -> Totals:
    """So many requests of at most so many milliseconds."""
    return Totals(requests=requests, errors=errors, latencies={(0.0, milliseconds): float(requests)})


def edges(graph: Graph) -> Graph:
    """Traffic of the shop: from web to both versions of cart and to a host outside, and from the job and the tests."""
    graph.add(("shop", "web-1", "shop", "cart", "v1", ""), total(90))
    graph.add(("shop", "web-1", "shop", "cart", "v2", ""), total(10, errors=2, milliseconds=1000.0))
    graph.add(("shop", "web-1", "", "api-example", "", "api.example"), total(5))
    graph.add(("shop", "job", "shop", "cart", "v1", ""), total(1))
    graph.add(("test", "cart", "shop", "cart", "v1", ""), total(4))
    return graph


def named(nodes: list[TopologyNode]) -> dict[str, TopologyNode]:
    """By id, each of which there is once."""
    result = {node.id: node for node in nodes}
    assert len(result) == len(nodes)
    return result


def linked(links: list[TopologyLink]) -> dict[tuple[str, str], int]:
    """Requests by the ends of a link, each of which there is once."""
    result = {(link.source, link.destination): link.requests for link in links}
    assert len(result) == len(links)
    return result


def test_services_of_equal_names_are_nodes_of_their_own() -> None:
    """A service is known by its namespace too, and what serves none is no service."""
    nodes, links = Graph(SHOP, [], "service").grouped("service", (), 10.0)
    assert [(node.id, node.namespace, node.workloads, node.versions, node.workload_count) for node in nodes] == [
        ("shop/cart", "shop", ["cart-1", "cart-2"], ["v1", "v2"], 2),
        ("shop/web", "shop", ["web-1"], ["v1"], 1),
        ("test/cart", "test", ["cart"], [""], 1),
    ]
    assert links == []
    assert {node.health.state for node in nodes if node.health} == {"idle"}


def test_edges_become_links_between_services() -> None:
    """A workload without service and a host outside are nodes too; a caller is its service."""
    graph = edges(Graph(SHOP, [], "service"))
    nodes, links = graph.grouped("service", (), 10.0)
    assert linked(links) == {
        ("shop/web", "shop/cart"): 100,
        ("shop/web", "external:api.example"): 5,
        ("workload:shop/job", "shop/cart"): 1,
        ("test/cart", "shop/cart"): 4,
    }
    kinds = {name: node.kind for name, node in named(nodes).items()}
    assert kinds == {
        "shop/cart": "service", "shop/web": "service", "test/cart": "service",
        "workload:shop/job": "workload", "external:api.example": "external",
    }  # fmt: skip
    cart = named(nodes)["shop/cart"]
    assert cart.inbound is not None
    assert (cart.inbound.requests, cart.inbound.rate, cart.inbound.errors) == (105, 10.5, 2)
    assert cart.inbound.p50_ms is not None
    assert cart.inbound.p99_ms is not None
    assert cart.inbound.p50_ms < 10.0 < cart.inbound.p99_ms
    assert cart.outbound is None
    assert cart.health is not None
    assert (cart.health.state, cart.health.because) == ("warning", "1.9 % of 105 requests failed")


def test_versions_are_nodes_and_name_their_service() -> None:
    """The bad one is seen as the bad one."""
    nodes, links = edges(Graph(SHOP, [], "version")).grouped("version", (), 10.0)
    assert linked(links)["shop/web@v1", "shop/cart@v2"] == 10
    good, bad = named(nodes)["shop/cart@v1"], named(nodes)["shop/cart@v2"]
    assert (good.service, good.kind, good.workloads) == ("shop/cart", "version", ["cart-1"])
    assert good.health is not None
    assert bad.health is not None
    assert (good.health.state, bad.health.state) == ("ok", "failing")


def test_namespaces_hold_their_services_and_are_as_bad_as_the_worst() -> None:
    """What is outside has no namespace; an expanded one is shown by its services."""
    graph = edges(Graph(SHOP, [], "service"))
    assert len(graph) == 5
    nodes, links = graph.grouped("namespace", (), 10.0)
    assert linked(links) == {
        ("namespace:shop", "namespace:shop"): 101,
        ("namespace:shop", "external:api.example"): 5,
        ("namespace:test", "namespace:shop"): 4,
    }
    shop = named(nodes)["namespace:shop"]
    assert (shop.kind, shop.service_count, shop.workload_count) == ("namespace", 2, 3)
    assert shop.health is not None
    assert (shop.health.state, shop.health.because) == ("warning", "shop/cart: 1.9 % of 105 requests failed")
    nodes, links = graph.grouped("namespace", ["shop"], 10.0)
    assert set(named(nodes)) == {"shop/cart", "shop/web", "workload:shop/job", "external:api.example", "namespace:test"}
    assert linked(links)["namespace:test", "shop/cart"] == 4


def test_a_mesh_without_namespaces_cannot_be_grouped_by_them() -> None:
    """Its services stay what they are."""
    graph = Graph([workload("", "cart-1", "cart")], [], "service")
    nodes, _ = graph.grouped("namespace", (), 10.0)
    assert [(node.id, node.kind) for node in nodes] == [("cart", "service")]


@pytest.mark.parametrize(
    ("states", "requests", "errors", "expected", "because"),
    [
        ([], 0, 0, "idle", "no traffic was measured"),
        ([], 100, 0, "ok", ""),
        ([], 1000, 9, "ok", ""),
        ([], 100, 1, "warning", "1.0 % of 100 requests failed"),
        ([], 100, 5, "failing", "5.0 % of 100 requests failed"),
        (["rejected"], 100, 5, "failing", "5.0 % of 100 requests failed"),
        (["rejected"], 100, 0, "warning", "1 proxy has rejected the configuration"),
        (["rejected", "rejected"], 100, 1, "warning",
         "2 proxies have rejected the configuration; 1.0 % of 100 requests failed"),
        (["stale", "disconnected"], 0, 0, "warning", "2 proxies are stale or not connected"),
    ],
)  # fmt: skip
def test_health_says_why(states: list[Any], requests: int, errors: int, expected: str, because: str) -> None:
    """By errors first, then by proxies."""
    cart = SHOP[2]
    graph = Graph([cart], [proxy(state, cart) for state in states], "service")
    if requests:
        graph.add(("", "caller", "shop", "cart", "v1", ""), total(requests, errors))
    node = named(graph.grouped("service", (), 1.0)[0])["shop/cart"]
    assert node.health is not None
    assert (node.health.state, node.health.because) == (expected, because)


def test_who_only_sends_is_not_idle() -> None:
    """Its errors are those of the other end."""
    nodes, _ = edges(Graph(SHOP, [], "service")).grouped("service", (), 10.0)
    state = named(nodes)["shop/web"].health
    assert state is not None
    assert (state.state, state.because) == ("ok", "")
    assert health.worst([]).state == "idle"


NAMES = st.sampled_from(["a", "b", "c"])
SPACES = st.sampled_from(["x", "y", ""])
EDGES = st.lists(
    st.tuples(SPACES, NAMES, SPACES, NAMES, st.sampled_from(["", "v1", "v2"]), st.sampled_from(["", "", "h.example"])),
    max_size=20,
)


@given(EDGES, st.sampled_from(GROUPS), st.sets(SPACES))
def test_no_grouping_loses_or_doubles_a_request(names: list[Any], group: TopologyGroup, expanded: set[str]) -> None:
    """The requests of all links are those of all edges, and what comes in somewhere has gone out somewhere."""
    members = [workload(space, name, name, version="v1") for space in ("x", "y") for name in ("a", "b")]
    graph = Graph(members, [], "version" if group == "version" else "service")
    for number, each in enumerate(names, 1):
        graph.add(each, total(number))
    nodes, links = graph.grouped(group, expanded, 10.0)
    everything = sum(range(1, len(names) + 1))
    ids = set(named(nodes))
    linked(links)
    assert sum(link.requests for link in links) == everything
    assert sum(node.inbound.requests for node in nodes if node.inbound) == everything
    assert sum(node.outbound.requests for node in nodes if node.outbound) == everything
    assert {end for link in links for end in (link.source, link.destination)} <= ids
