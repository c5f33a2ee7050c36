"""Native resources merged into compiled ones, and their bytes: both spellings are equal, misfits are reported
before.
"""

import copy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.resources import compiler, names
from meshwright.adapters.envoy.resources.native import merge
from meshwright.adapters.envoy.state import desired, validation
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.xds import protojson
from meshwright.adapters.envoy.xds.encoding import Encoder, _Memory
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.workloads import WorkloadSpec

MESH = desired.enrol(
    DesiredState(workspace="w", mesh="m", connection="c"),
    [WorkloadSpec(name="a", service="a", port=80)],
    {"a": desired.Ports(outbound=1, inbound=2)},
)
PROTOCOLS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
BODY = {
    "connect_timeout": "0.25s",
    "lb_policy": "RANDOM",
    "common_lb_config": {"consistent_hashing_lb_config": {"hash_balance_factor": 150}},
    "circuit_breakers": {"thresholds": [{"max_requests": 7}]},
    "typed_extension_protocol_options": {
        PROTOCOLS: {
            "@type": names.PREFIX + PROTOCOLS,
            "common_http_protocol_options": {"idle_timeout": "7s", "max_headers_count": 50},
        }
    },
}
TWICE: dict[str, Any] = {"explicit_http_config": {"http_protocol_options": {}}}
JSON: st.SearchStrategy[Any] = st.recursive(
    st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b_c", "d"]), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b_c", "d"]), JSON)


def laid_over(*bodies: dict[str, Any], name: str = "a|v1") -> DesiredState:
    """The mesh with designs that bring these for one cluster."""
    state = MESH
    for index, body in enumerate(bodies):
        native = NativeResource(type=names.CLUSTER, name=name, body=body)
        state = desired.apply_design(state, Design(id=f"d{index}", resources=[native]), 1)
    return state


def served(state: DesiredState) -> Any:
    """The cluster as a proxy reads it."""
    content = compiler.compile_mesh(state).proxies["w.m.a"].types[names.CLUSTER]
    body = next(each.body for each in content.resources if each.name == "a|v1")
    return protojson.message_type(names.CLUSTER).parse(protojson.encode(names.CLUSTER, body))


def respelt(draw: st.DrawFn, value: Any) -> Any:
    """The same with some fields in lowerCamelCase."""
    if isinstance(value, dict):
        return {
            protojson.camel(key) if draw(st.booleans()) and "." not in key else key: respelt(draw, inner)
            for key, inner in value.items()
        }
    return [respelt(draw, each) for each in value] if isinstance(value, list) else value


@settings(max_examples=20, deadline=None)
@given(st.composite(respelt)(BODY))
def test_how_a_field_is_spelt_means_nothing(body: dict[str, Any]) -> None:
    """In either spelling, and mixed, a native field takes the place of the compiled one: nothing is there twice."""
    assert served(laid_over(body)).to_dict() == served(laid_over(BODY)).to_dict()
    result = served(laid_over(body))
    assert [each.max_requests for each in result.circuit_breakers.thresholds] == [7]
    assert result.common_lb_config.consistent_hashing_lb_config.hash_balance_factor == 150
    assert result.load_assignment.cluster_name == "a|v1" and result.transport_socket.name


@given(OBJECTS, OBJECTS, OBJECTS)
def test_laying_over_is_lawful(base: Any, over: Any, more: Any) -> None:
    """Nothing over something changes nothing, twice is once, and the given documents stay as they were."""
    before = copy.deepcopy((base, over))
    once = merge(base, over)
    assert merge(base, {}) == base
    assert merge({}, over) == over
    assert merge(once, over) == once
    assert merge(merge(base, over), more).keys() == base.keys() | over.keys() | more.keys()
    assert (base, over) == before


def test_the_design_with_the_later_name_prevails() -> None:
    """Where two designs differ about one field the later name wins, whichever was applied first; the rest is both."""
    one, two = (
        {"connect_timeout": "2s", "lb_policy": "RANDOM"},
        {"connect_timeout": "3s", "per_connection_buffer_limit_bytes": 7},
    )
    result = served(laid_over(one, two))
    assert (result.connect_timeout.total_seconds(), result.lb_policy.name) == (3.0, "RANDOM")
    assert result.per_connection_buffer_limit_bytes == 7
    state = laid_over(one, two)
    turned = msgspec.structs.replace(state, designs=dict(reversed(state.designs.items())))
    assert served(turned).to_dict() == result.to_dict()


def test_what_fits_its_type_but_not_its_place_is_reported_beforehand() -> None:
    """What is good by itself, but together with what is there gives both of two alternatives, is refused in words."""
    body = {"typed_extension_protocol_options": {PROTOCOLS: {"@type": names.PREFIX + PROTOCOLS, **TWICE}}}
    for name, expected in (("another", []), ("a|v1", ["#/resources/0/body"])):
        design = Design(id="d0", resources=[NativeResource(type=names.CLUSTER, name=name, body=body)])
        problems = validation.problems(laid_over(body, name=name), design)
        assert [each.pointer for each in problems] == expected
        for each in problems:
            assert each.detail.startswith("it does not fit what it is laid over: /typed_extension_protocol_options/")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(sorted(BODY)), unique=True))
def test_pieces_are_the_whole(fields: list[str]) -> None:
    """A resource put together from remembered pieces is the message that encoding all of it at once gives."""
    body = {"name": "a|v1", **{field: BODY[field] for field in fields}}
    pieces = b"".join(Encoder()._encoded_pieces(names.CLUSTER, body))
    kind = protojson.message_type(names.CLUSTER)
    assert kind.parse(pieces).to_dict() == kind.parse(protojson.encode(names.CLUSTER, body)).to_dict()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=60))
def test_memory_is_bounded_and_never_wrong(steps: list[tuple[bool, int]]) -> None:
    """It gives back what was put under that key or nothing, holds at most two generations, and keeps what is used."""
    memory = _Memory[int](3)
    for is_put, key in steps:
        if is_put:
            memory.put(key, str(key).encode())
            assert memory.get(key) == str(key).encode()
        else:
            assert memory.get(key) in (None, str(key).encode())
        assert len(memory._young) <= 3 and len(memory._old) <= 3
    memory.put(99, b"99")
    for key in range(20):
        memory.put(key, b"")
        assert memory.get(99) == b"99"
