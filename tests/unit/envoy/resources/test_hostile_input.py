"""Hostile documents, frames, tokens and responses: refused with their place, or read; never a crash."""

from typing import Any

import msgspec
import pytest
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest, DiscoveryResponse
from envoy_data_plane.google.protobuf import Struct
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.dataplane import windows
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.state import identity
from meshwright.adapters.envoy.state.identity import NodeId
from meshwright.adapters.envoy.xds import protojson, wire

PERMISSION = "type.googleapis.com/envoy.config.rbac.v3.Permission"
FIELDS = [
    "name", "type", "lb_policy", "connect_timeout", "connectTimeout", "load_assignment", "circuit_breakers",
    "outlier_detection", "metadata", "typed_extension_protocol_options", "common_lb_config", "@type", "thresholds",
    "max_requests", "endpoints", "filter_metadata", "healthy_panic_threshold", "value", "dns_lookup_family",
]  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6)
    | st.sampled_from(["1s", "STATIC", "2030-01-01T00:00:00Z", 10**400])
)  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=250, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_any_document_is_encoded_or_refused_with_its_place(body: dict[str, Any]) -> None:
    """Whatever stands in a resource, it becomes bytes that Envoy can read, or a refusal that points into it."""
    try:
        encoded = protojson.encode(names.CLUSTER, body)
    except protojson.InvalidResource as refusal:
        assert str(refusal).split("/")[1].split(":")[0] in body
    else:
        assert protojson.message_type(names.CLUSTER).parse(encoded) is not None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"connect_timeout": "soon"}, "/connect_timeout"),
        ({"common_lb_config": {"healthy_panic_threshold": {"value": 10**400}}}, "/healthy_panic_threshold/value"),
        ({"lb_policy": True}, "/lb_policy"),
        ({"lb_policy": 2**40}, "/lb_policy"),
        ({"connect_timeout": "1s", "connectTimeout": "2s"}, "/connectTimeout"),
    ],
)
def test_what_cannot_be_meant_is_refused(body: dict[str, Any], place: str) -> None:
    """Numbers out of range, a boolean for a name, and one field written twice are named, not guessed at."""
    with pytest.raises(protojson.InvalidResource) as refusal:
        protojson.encode(names.CLUSTER, body)
    assert place in str(refusal.value)


def test_a_document_without_end_is_refused() -> None:
    """A document nested deeper than any proxy accepts is refused, and does not exhaust the worker's stack."""
    rule: dict[str, Any] = {"any": True}
    plain: dict[str, Any] = {}
    for _ in range(101):
        assert protojson.encode(PERMISSION, rule)
        rule = {"not_rule": rule}
    for _ in range(2_000):
        rule, plain = {"not_rule": rule}, {"a": plain}
    for url, body in ((PERMISSION, rule), (names.CLUSTER, {"metadata": {"filter_metadata": {"x": plain}}})):
        with pytest.raises(protojson.InvalidResource, match="nested too deeply"):
            protojson.encode(url, body)


TEXTS = st.text(max_size=12)


def _as_identity(parts: list[str]) -> str:
    return f"spiffe://{identity.CONTROL_PLANE}/{'/'.join(parts)}"


@settings(deadline=None)
@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=4), st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=3), TEXTS)
def test_requests_survive_in_full(
    version: str, nonce: str, wanted: list[str], metadata: dict[str, str], node: str
) -> None:
    """What the generated type wrote is read without loss, whatever the texts are."""
    sent = DiscoveryRequest(
        version_info=version,
        response_nonce=nonce,
        resource_names=wanted,
        type_url=names.ROUTES,
        node=Node(id=node, metadata=Struct.from_dict(metadata)),
    )
    read = wire.read_request(bytes(sent))
    assert (read.version, read.nonce, read.names) == (version, nonce, tuple(wanted))
    assert read.node_id == node


@settings(deadline=None)
@given(TEXTS, TEXTS, st.lists(st.binary(max_size=300), max_size=4))
def test_responses_survive_in_full(version: str, nonce: str, contents: list[bytes]) -> None:
    """Every resource of a response arrives with its bytes, however long they are."""
    packed = [wire.packed(names.ROUTES, each) for each in contents]
    response = DiscoveryResponse.parse(wire.response(names.ROUTES, version, packed, nonce))
    assert (response.version_info, response.nonce) == (version, nonce)
    assert [each.value for each in response.resources] == contents


@settings(deadline=None)
@given(st.data())
def test_a_damaged_request_is_read_or_refused(data: st.DataObject) -> None:
    """A request that was cut off or in which bytes were changed ends as a request or as Malformed."""
    node = Node(id="w.m.a", metadata=Struct.from_dict({"some": "t"}), client_features=["x"] * 3)
    whole = bytes(DiscoveryRequest(node=node, resource_names=["a", "b"], type_url=names.ROUTES, response_nonce="9"))
    frame = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for index in data.draw(st.lists(st.integers(0, max(len(frame) - 1, 0)), max_size=3)):
        if frame:
            frame[index] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(wire.read_request(bytes(frame)).names, tuple)
    except wire.Malformed as refusal:
        assert str(refusal)


@given(st.text(max_size=80) | st.lists(st.text("ab/", max_size=3), max_size=8).map(_as_identity))
def test_any_identity_is_judged(text: str) -> None:
    """A certificate may name anything at all; what is understood is exactly what would have been written."""
    holder = identity.read_uri(text)
    assert holder is None or identity.uri(holder) == text


@pytest.mark.parametrize("invitation", ["", "n0"])
def test_an_identity_is_read_as_it_was_given(invitation: str) -> None:
    """Whom a certificate names, of which incarnation, and whether it may only join."""
    holder = identity.Holder(node=NodeId("w", "m", "a"), incarnation="i", invitation=invitation)
    assert identity.read_uri(identity.uri(holder)) == holder
    assert identity.read_uri(identity.uri(holder).replace("control-plane", "other")) is None
    assert identity.read_uri(identity.spiffe_id("mesh.local", "w", "a")) is None


@given(st.text(max_size=20) | st.lists(st.text("ab", max_size=2), max_size=5).map(".".join))
def test_a_node_id_has_three_parts_or_is_refused(text: str) -> None:
    """A node id that is read is written the same again; anything else is refused with its words."""
    try:
        node = identity.parse(text)
    except ValueError as refusal:
        assert repr(text) in str(refusal)
        assert text.count(".") != 2 or "" in text.split(".")
    else:
        assert str(node) == text
        assert node.key == f"{node.workspace}.{node.mesh}"


@settings(deadline=None)
@given(JSON, JSON, JSON)
def test_any_statistics_are_read_or_refused(value: Any, histograms: Any, more: Any) -> None:
    """Whatever answers behind an admin port gives whole numbers that are not negative, or DecodeError."""
    name = "cluster.a|v1.upstream_rq_completed"
    try:
        answer = msgspec.json.encode({"stats": [{"name": name, "value": value}, {"histograms": histograms}, more]})
    except (OverflowError, UnicodeEncodeError):
        return
    try:
        result = windows.read(answer)
    except msgspec.DecodeError:
        return
    assert all(type(each.requests) is int and each.requests >= 0 <= each.errors for each in result.values())
