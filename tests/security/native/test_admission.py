"""Native resources are code: hostile ones are refused with their place and reason, useful ones are let through."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.admission import allowed, checking, places, values
from meshwright.adapters.envoy.resources import compiler, names
from meshwright.adapters.envoy.state import desired, validation
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.xds import protojson
from meshwright.adapters.envoy.xds.encoding import Encoder
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Allow, NativeResource
from meshwright.schemas.workloads import WorkloadSpec
from rig.inputs import hostile_natives, natives

MESH = desired.enrol(
    DesiredState(workspace="w", mesh="m", connection="c"),
    [WorkloadSpec(name=f"{one}-{version}", service=one, version=version, port=80)
     for one, version in (("reviews", "v1"), ("reviews", "v2"), ("web", "v1"))],
    {name: desired.Ports(outbound=1, inbound=2) for name in ("reviews-v1", "reviews-v2", "web-v1")},
)  # fmt: skip
GUARDED = desired.apply_design(MESH, Design(id="a", intents=[Allow(source="web", service="reviews")]), 1)


def native(entry: natives.Entry) -> NativeResource:
    """A resource as a design holds it."""
    kind, name, body = entry
    return NativeResource(type=kind, name=name, body=body)


def laid_over(*entries: natives.Entry) -> DesiredState:
    """The mesh whose stored state already contains such a design."""
    return desired.apply_design(GUARDED, Design(id="d", resources=[native(each) for each in entries]), 1)


def test_the_corpus_is_large_enough() -> None:
    """At least a hundred ways to do harm and thirty of use."""
    assert len(hostile_natives.HOSTILE) >= 100 and len(natives.LEGITIMATE) >= 30


@pytest.mark.parametrize("title", hostile_natives.HOSTILE)
def test_a_hostile_resource_is_refused_and_reaches_no_proxy(title: str) -> None:
    """The refusal points into the resource, says why and has a code; stored before, it changes no proxy's content."""
    entry = hostile_natives.HOSTILE[title]
    problems = validation.problems(laid_over(entry), Design(id="d", resources=[native(entry)]))
    assert problems
    assert {each.code for each in problems} == {checking.CODE} or "has no field" in problems[0].detail
    for each in problems:
        assert each.pointer.startswith("#/resources/0/") and len(each.detail) > 30
        assert msgspec.json.decode(msgspec.json.encode(each), type=type(each)) == each
    assert compiler.compile_mesh(laid_over(entry)).proxies == compiler.compile_mesh(GUARDED).proxies


@pytest.mark.parametrize("title", natives.LEGITIMATE)
def test_a_useful_resource_is_let_through(title: str) -> None:
    """It has no problems, it encodes, and proxies get something else because of it."""
    entry = natives.LEGITIMATE[title]
    state = laid_over(entry)
    assert validation.problems(state, Design(id="d", resources=[native(entry)])) == []
    snapshot = compiler.compile_mesh(state)
    Encoder().warm(snapshot)
    assert snapshot.proxies != compiler.compile_mesh(GUARDED).proxies


@pytest.mark.parametrize("title", natives.LEGITIMATE)
def test_no_useful_resource_takes_away_what_secures_the_mesh(title: str) -> None:
    """Under each of them TLS, its validation, addresses, access rules and their order stay what the compiler made."""
    before = compiler.compile_mesh(GUARDED)
    after = compiler.compile_mesh(laid_over(natives.LEGITIMATE[title]))
    for node, proxy in before.proxies.items():
        for kind in names.NATIVE_TYPES:
            result = {each.name: each.body for each in after.proxies[node].types[kind].resources}
            for each in proxy.types[kind].resources:
                assert _secured(result[each.name]) == _secured(each.body), each.name


def _secured(body: Any) -> Any:
    """What the mesh's security rests on, of any of its resources."""
    if "virtual_hosts" in body:
        hosts = {each["name"]: each for each in body["virtual_hosts"] if "." not in each["name"]}
        access = {name: each.get("typed_per_filter_config", {}).get(names.ACCESS) for name, each in hosts.items()}
        return {name: (each["domains"], access[name]) for name, each in hosts.items()}
    if "filter_chains" not in body:
        return {key: body[key] for key in ("type", "load_assignment", "transport_socket") if key in body}
    chains = []
    for chain in body["filter_chains"]:
        (manager,) = chain["filters"]
        config = {key: value for key, value in manager["typed_config"].items() if key != "http_filters"}
        kept = ("@type", "rds", "stat_prefix", "forward_client_cert_details", "set_current_client_cert_details",
                "normalize_path", "merge_slashes", "access_log")  # fmt: skip
        filters = [each["name"] for each in manager["typed_config"]["http_filters"] if each["name"] in names.FILTERS]
        first = manager["typed_config"]["http_filters"][0]["name"]
        chains.append((
            chain.get("transport_socket"), chain.get("filter_chain_match"), filters, first,
            {key: value for key, value in config.items() if key in kept},
        ))  # fmt: skip
    return body["address"], chains


def test_filters_of_designs_come_behind_the_access_rules() -> None:
    """An unauthorized caller is refused before any other filter runs; several designs are combined."""
    compressor, buffer = natives.LEGITIMATE["a compressor"], natives.LEGITIMATE["a buffer"]
    state = desired.apply_design(laid_over(compressor), Design(id="e", resources=[native(buffer)]), 1)
    content = compiler.compile_mesh(state).proxies["w.m.web-v1"].types[names.LISTENER]
    listener = next(each.body for each in content.resources if each.name == names.INBOUND)
    (result,) = listener["filter_chains"][0]["filters"]
    order = [each["name"] for each in result["typed_config"]["http_filters"]]
    rules = [names.ACCESS_LOG, names.MEMBERS, names.ACCESS, names.RATE_LIMIT]
    assert order == [*rules, "compressor", "buffer", names.ROUTER]


def test_a_tuned_virtual_host_leaves_the_others_alone() -> None:
    """Virtual hosts are merged by name, so that tuning one keeps the routes to every other service."""
    state = laid_over(natives.LEGITIMATE["retries"])
    content = compiler.compile_mesh(state).proxies["w.m.web-v1"].types[names.ROUTES]
    routes = next(each.body for each in content.resources if each.name == names.OUTBOUND)
    hosts = {each["name"]: each for each in routes["virtual_hosts"]}
    assert list(hosts) == ["reviews", "web", "no-such-service"]
    assert hosts["reviews"]["routes"] and hosts["reviews"]["retry_policy"]["num_retries"] == 2


def test_what_is_meant_for_a_service_that_is_not_there_does_nothing() -> None:
    """A cluster named like one of the mesh is never added, so it cannot be prepared for a later service."""
    state = laid_over((names.CLUSTER, "payments|v1", {"connect_timeout": "1s"}))
    assert compiler.compile_mesh(state).proxies == compiler.compile_mesh(GUARDED).proxies


@pytest.mark.parametrize(
    "table",
    [allowed.MESSAGES, allowed.CLUSTER_OF_THE_MESH, allowed.CLUSTER_BESIDE, allowed.INBOUND_ROUTES],
    ids=["all", "cluster of the mesh", "cluster beside", "inbound"],
)
def test_the_list_names_what_there_is(table: dict[str, str]) -> None:
    """Each message, field and rule of the list exists, and what a field leads to is itself listed."""
    listed = {**allowed.MESSAGES, **table}
    for message, text in table.items():
        kind = _kind(message)
        spellings = protojson.spellings(kind)
        for word in text.split():
            field, _, rule = word.partition("=")
            assert not rule or rule in values.RULES, rule
            meta = protojson.table(kind).meta_by_field_name[spellings[field]]
            inner: Any = protojson.table(kind).cls_by_field.get(spellings[field])
            if meta.proto_type != "message" or meta.unwrap or meta.map_meta:
                continue
            full = protojson.full_name(inner)
            assert full == "google.protobuf.Any" or checking._is_plain(inner) or full in listed, (message, field)
    for extensions in allowed.EXTENSIONS.values():
        assert set(extensions) <= allowed.MESSAGES.keys()


def _kind(message: str) -> Any:
    """The type of a message, which may be part of another one."""
    outer = message.split(".")
    while len(outer) > 1 and outer[-2][0].isupper():
        outer.pop()
    protojson.message_type(names.PREFIX + ".".join(outer))
    import envoy_data_plane.message_pool as pool

    return pool.default_message_pool.url_to_type[names.PREFIX + message]


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["@type", "name", "routes", "match", "typed_config", "filters", "body"]), inner
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(names.NATIVE_TYPES),
    st.sampled_from([names.INBOUND, names.OUTBOUND, "a|v1", "app", "xds", "x"]),
    st.dictionaries(st.sampled_from(["virtual_hosts", "filter_chains", "load_assignment", "metadata"]), ANY_JSON),
)
def test_any_body_is_either_admitted_and_encodes_or_refused_in_words(kind: str, name: str, body: Any) -> None:
    """Nothing that a person sends breaks the check, and what it admits is a message of its type."""
    result = places.admit(NativeResource(type=kind, name=name, body=body))
    if result.problems:
        assert all(words for _, words, _ in result.problems)
    else:
        protojson.encode(kind, result.body)
