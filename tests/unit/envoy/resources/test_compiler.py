"""Compiling desired states into snapshots, over random meshes and policies."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.resources import compiler, names, policies
from meshwright.adapters.envoy.resources.snapshot import Snapshot
from meshwright.adapters.envoy.state import desired, validation
from meshwright.adapters.envoy.state.desired import DesiredState, Ports
from meshwright.adapters.envoy.xds.encoding import Encoder
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import (
    AccessLog,
    Allow,
    AnyIntent,
    Backend,
    CircuitBreaker,
    DenyAll,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    LoadBalancing,
    Mirror,
    MutualTls,
    NativeResource,
    OutlierDetection,
    RateLimit,
    Retry,
    Timeout,
    TrafficSplit,
)
from meshwright.schemas.workloads import WorkloadSpec

SERVICES = ("web", "reviews", "ratings")
VERSIONS = ("v1", "v2", "v3")


def mesh(pairs: set[tuple[str, str]], address: str = "127.0.0.1") -> DesiredState:
    """A mesh with a workload for each service and version."""
    specs = [
        WorkloadSpec(name=f"{service}-{version}", service=service, version=version, port=80, address=address)
        for service, version in sorted(pairs)
    ]
    ports = {spec.name: Ports(outbound=3 * index + 1000, inbound=3 * index + 1001) for index, spec in enumerate(specs)}
    return desired.enrol(DesiredState(workspace="w", mesh="m", connection="c"), specs, ports)


def policies_for(state: DesiredState) -> st.SearchStrategy[list[AnyIntent]]:
    """Intents that the mesh can carry, at most one of a kind for a service."""
    known = {service: list(versions) for service, versions in state.services().items()}
    headers = st.builds(HeaderMatch, name=st.sampled_from(["x-a", "x-b"]), exact=st.text(max_size=3))
    percents = st.floats(0, 100)

    def about(service: str) -> st.SearchStrategy[list[AnyIntent]]:
        version = st.sampled_from(known[service])
        weights = st.lists(st.integers(0, 100), min_size=len(known[service]), max_size=len(known[service]))
        source = st.sampled_from(sorted(known))
        detection = st.none() | st.builds(OutlierDetection)
        one_of_each: list[st.SearchStrategy[Any]] = [
            weights.map(lambda result: _split(service, known[service], result)),
            st.builds(HeaderRoute, service=st.just(service), header=headers, version=version),
            st.builds(Mirror, service=st.just(service), version=version, percent=percents),
            st.builds(Retry, service=st.just(service), attempts=st.integers(1, 10)),
            st.builds(Timeout, service=st.just(service), timeout=st.sampled_from(["10ms", "1.5s", "2m"])),
            st.builds(
                FaultDelay, service=st.just(service), delay=st.just("1s"), percent=percents, header=st.none() | headers
            ),
            st.builds(FaultAbort, service=st.just(service), status=st.integers(200, 599), percent=percents),
            st.builds(RateLimit, service=st.just(service), requests=st.integers(1, 1000)),
            st.builds(
                CircuitBreaker, service=st.just(service), max_requests=st.integers(1, 9), outlier_detection=detection
            ),
            st.builds(Allow, source=source, service=st.just(service), methods=st.just(["GET"])),
            st.builds(DenyAll, service=st.just(service)),
            st.builds(LoadBalancing, service=st.just(service), policy=st.just("ring-hash"), hash_header=st.just("x-a")),
            st.builds(MutualTls, mode=st.sampled_from(["strict", "permissive"]), service=st.just(service)),
            st.builds(AccessLog, service=st.just(service)),
        ]
        return st.tuples(*(st.none() | each for each in one_of_each)).map(
            lambda result: [each for each in result if each is not None]
        )

    return st.tuples(*(about(service) for service in known)).map(
        lambda result: [each for group in result for each in group]
    )


def _split(service: str, versions: list[str], weights: list[int]) -> TrafficSplit:
    total = sum(weights) or 1
    shares = [weight * 100 // total for weight in weights]
    shares[0] += 100 - sum(shares)
    pairs = zip(versions, shares, strict=True)
    return TrafficSplit(service=service, backends=[Backend(version=name, weight=share) for name, share in pairs])


@st.composite
def states(draw: st.DrawFn) -> DesiredState:
    """A mesh with one design that it can carry."""
    everything = [(service, version) for service in SERVICES for version in VERSIONS]
    state = mesh(draw(st.sets(st.sampled_from(everything), min_size=1)))
    design = Design(id="d", intents=draw(policies_for(state)))
    return desired.apply_design(state, design, 1)


def mentioned(value: Any) -> set[str]:
    """The clusters that routes name."""
    if isinstance(value, list):
        return set().union(*(mentioned(each) for each in value), set())
    if not isinstance(value, dict):
        return set()
    collected = set().union(*(mentioned(each) for each in value.values()), set())
    if "cluster" in value:
        collected.add(value["cluster"])
    if "clusters" in value:
        collected |= {each["name"] for each in value["clusters"]}
    return collected


def routes_of(snapshot: Snapshot, workload: str, name: str) -> dict[str, Any]:
    """A route configuration of a proxy."""
    content = snapshot.proxies[f"w.m.{workload}"].types[names.ROUTES]
    return next(each.body for each in content.resources if each.name == name)


@settings(deadline=None, max_examples=60)
@given(states())
def test_every_valid_state_compiles_and_encodes(state: DesiredState) -> None:
    """What passes validation becomes resources that fit their types, and every cluster named is there."""
    for applied in state.designs.values():
        assert validation.problems(state, Design(id="d", intents=applied.intents)) == []
    encoder = Encoder()
    for proxy in compiler.compile_mesh(state).proxies.values():
        clusters = {each.name for each in proxy.types[names.CLUSTER].resources}
        for content in proxy.types.values():
            for each in content.resources:
                assert encoder.packed(each)
        for each in proxy.types[names.ROUTES].resources:
            assert mentioned(each.body) <= clusters


@settings(deadline=None, max_examples=40)
@given(states())
def test_compiling_is_a_function_of_the_state(state: DesiredState) -> None:
    """A state that went through the bucket, with its parts in another order, gives the same versions."""
    shuffled = msgspec.structs.replace(state, workloads=dict(reversed(state.workloads.items())))
    again = desired.decode(desired.encode(shuffled))
    assert desired.version(again) == desired.version(desired.decode(desired.encode(state)))
    first, second = compiler.compile_mesh(state), compiler.compile_mesh(again)
    assert {node: each.version for node, each in first.proxies.items()} == {
        node: each.version for node, each in second.proxies.items()
    }


@settings(deadline=None, max_examples=60)
@given(states())
def test_weights_are_preserved(state: DesiredState) -> None:
    """The shares of a split arrive as they were asked for, zero meaning none at all."""
    snapshot = compiler.compile_mesh(state)
    gathered = policies.gather(list(state.services()), state.intents())
    hosts = {
        each["name"]: each for each in routes_of(snapshot, next(iter(state.workloads)), names.OUTBOUND)["virtual_hosts"]
    }
    for service, versions in state.services().items():
        action = hosts[service]["routes"][-1]["route"]
        if "cluster" in action:
            got = {action["cluster"]: 100}
        else:
            got = {each["name"]: each["weight"] for each in action["weighted_clusters"]["clusters"]}
        split = gathered[service].split
        if split is None:
            assert set(got) == {names.cluster(service, version) for version in versions}
            assert len(set(got.values())) == 1
        else:
            assert got == {names.cluster(service, each.version): each.weight for each in split.backends if each.weight}


def test_callers_share_one_encoding_of_the_routes() -> None:
    """The outbound routes of all proxies are one resource with one digest."""
    snapshot = compiler.compile_mesh(mesh({("web", "v1"), ("reviews", "v1"), ("reviews", "v2")}))
    digests = {
        each.digest
        for proxy in snapshot.proxies.values()
        for each in proxy.types[names.ROUTES].resources
        if each.name == names.OUTBOUND
    }
    assert len(digests) == 1


def test_a_policy_changes_routes_only() -> None:
    """Splits, faults, limits and permissions leave listeners and clusters alone, so no connection is drained."""
    state = mesh({("web", "v1"), ("reviews", "v1")})
    intents: list[AnyIntent] = [
        DenyAll(),
        Allow(source="web", service="reviews"),
        RateLimit(service="reviews", requests=1),
        FaultAbort(service="reviews", status=503),
        Retry(service="reviews", attempts=1),
    ]
    changed = desired.apply_design(state, Design(id="d", intents=intents), 1)
    before, after = compiler.compile_mesh(state), compiler.compile_mesh(changed)
    for node, proxy in before.proxies.items():
        for kind in (names.CLUSTER, names.LISTENER):
            assert proxy.types[kind].version == after.proxies[node].types[kind].version
        assert proxy.version != after.proxies[node].version


def test_what_names_one_service_overrides_what_names_none() -> None:
    """Permissive for the mesh and strict for one service is strict there, whichever was said first."""
    gathered = policies.gather(
        ["a", "b"], [MutualTls(mode="strict", service="a"), MutualTls(mode="permissive"), DenyAll()]
    )
    assert (gathered["a"].permissive, gathered["b"].permissive) == (False, True)
    assert gathered["a"].guarded and gathered["b"].guarded


def test_a_cluster_accepts_its_workloads_and_nobody_else() -> None:
    """The identities accepted of a version's endpoints are those of its workloads."""
    snapshot = compiler.compile_mesh(mesh({("web", "v1"), ("reviews", "v1"), ("reviews", "v2")}))
    content = snapshot.proxies["w.m.web-v1"].types[names.CLUSTER]
    text = json.dumps(next(each.body for each in content.resources if each.name == "reviews|v2"))
    assert "spiffe://mesh.local/ns/w/sa/reviews-v2" in text
    assert "reviews-v1" not in text


def test_native_resources_are_merged_or_added() -> None:
    """A native resource with a compiled name is merged into it field by field; another one is added."""
    state = mesh({("web", "v1")})
    body = {"circuit_breakers": {"thresholds": [{"max_requests": 7}]}}
    resources = [
        NativeResource(type=names.CLUSTER, name="web|v1", body=body),
        NativeResource(type=names.CLUSTER, name="outside", body={"type": "STATIC"}),
    ]
    design = Design(id="d", resources=resources)
    snapshot = compiler.compile_mesh(desired.apply_design(state, design, 1))
    clusters = {each.name: each.body for each in snapshot.proxies["w.m.web-v1"].types[names.CLUSTER].resources}
    assert clusters["web|v1"]["circuit_breakers"] == body["circuit_breakers"]
    assert clusters["web|v1"]["load_assignment"]["endpoints"]
    assert clusters["outside"] == {"type": "STATIC", "name": "outside"}


def test_a_host_name_is_resolved_by_the_proxy() -> None:
    """Workloads on host names get DNS clusters, and their sidecars listen on all addresses."""
    snapshot = compiler.compile_mesh(mesh({("web", "v1")}, address="web.internal"))
    proxy = snapshot.proxies["w.m.web-v1"]
    assert {each.body["type"] for each in proxy.types[names.CLUSTER].resources} == {"STRICT_DNS"}
    inbound = next(each.body for each in proxy.types[names.LISTENER].resources if each.name == names.INBOUND)
    assert inbound["address"]["socket_address"]["address"] == "0.0.0.0"
