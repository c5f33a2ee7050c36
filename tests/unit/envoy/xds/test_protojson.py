"""Encoding JSON to protobuf against the generated types, which are the judge."""

from typing import Any

import pytest
from envoy_data_plane.envoy.config.core.v3 import BuildVersion, Node
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest, DiscoveryResponse
from envoy_data_plane.envoy.type.v3 import SemanticVersion
from envoy_data_plane.google.protobuf import Struct
from envoy_data_plane.google.rpc import Status
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.envoy.resources import compiler, names
from meshwright.adapters.envoy.state import desired
from meshwright.adapters.envoy.xds import protojson, wire
from meshwright.schemas.workloads import WorkloadSpec

ROUTES = names.ROUTES
FAULT = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"


def test_compiled_resources_encode_like_the_generated_types() -> None:
    """Every resource of a mesh decodes to the message that the library makes from the same JSON."""
    spec = WorkloadSpec(name="a", service="a", port=80)
    state = desired.DesiredState(workspace="w", mesh="m", connection="c")
    state = desired.enrol(state, [spec], {"a": desired.Ports(outbound=1, inbound=2)})
    for content in compiler.compile_mesh(state).proxies["w.m.a"].types.values():
        for each in content.resources:
            kind = protojson.message_type(each.type)
            ours = kind.parse(protojson.encode(each.type, each.body))
            assert ours.to_dict() == kind.from_dict(each.body).to_dict()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"nope": 1}, "/nope: RouteConfiguration has no field nope"),
        ({"virtual_hosts": "x"}, "/virtual_hosts: a list is needed"),
        ({"virtual_hosts": [{"name": 5}]}, "/virtual_hosts/0/name: 5 is no string"),
        ({"virtualHosts": [{"requireTls": "MAYBE"}]}, "/virtualHosts/0/requireTls: 'MAYBE' is no enum"),
        ({"validate_clusters": "often"}, "/validate_clusters"),
        (
            {"virtual_hosts": [{"routes": [{"route": {"cluster": "a", "cluster_header": "b"}}]}]},
            "/virtual_hosts/0/routes/0/route/cluster_header: give either cluster or cluster_header, not both",
        ),
        (
            {"virtual_hosts": [{"typed_per_filter_config": {"x": {"@type": "type.googleapis.com/envoy.nope.Y"}}}]},
            "/virtual_hosts/0/typed_per_filter_config/x/@type",
        ),
        ({"virtual_hosts": [{"typed_per_filter_config": {"x": {}}}]}, "an object with @type is needed"),
    ],
)
def test_misfits_are_refused_with_their_place(body: dict[str, Any], words: str) -> None:
    """What does not fit its type is named with a pointer and a reason."""
    with pytest.raises(protojson.InvalidResource) as refusal:
        protojson.encode(ROUTES, body)
    assert words in str(refusal.value)


@pytest.mark.parametrize("url", ["", "os.path", "type.googleapis.com/os.Path", "type.googleapis.com/envoy.Nothing"])
def test_only_xds_types_are_known(url: str) -> None:
    """A type URL cannot make the adapter import anything but xDS packages."""
    with pytest.raises(protojson.InvalidResource):
        protojson.encode(url, {})


def test_both_spellings_of_a_field_are_understood() -> None:
    """Names in Envoy's own spelling and in lowerCamelCase give the same bytes, digits in names included."""
    kind = "type.googleapis.com/envoy.config.cluster.v3.OutlierDetection"
    snake = protojson.encode(kind, {"consecutive_5xx": 3, "base_ejection_time": "1.5s"})
    assert snake == protojson.encode(kind, {"consecutive5xx": 3, "baseEjectionTime": "1.5s"})
    decoded: Any = protojson.message_type(kind).parse(snake)
    assert (decoded.consecutive_5xx, decoded.base_ejection_time.total_seconds()) == (3, 1.5)


@given(st.integers(0, 2**32 - 1), st.text(), st.booleans())
def test_scalars_survive(number: int, text: str, flag: bool) -> None:
    """Numbers, texts and booleans decode to what was given."""
    body = {"abort": {"http_status": number}, "upstream_cluster": text, "disable_downstream_cluster_stats": flag}
    decoded: Any = protojson.message_type(FAULT).parse(protojson.encode(FAULT, body))
    assert decoded.abort.http_status == number
    assert (decoded.upstream_cluster, decoded.disable_downstream_cluster_stats) == (text, flag)


def test_requests_are_read_like_the_generated_type_writes_them() -> None:
    """Everything that ADS needs of a request is found, everything else skipped."""
    node = Node(
        id="w.m.a",
        cluster="a",
        metadata=Struct.from_dict({"some": "t0k", "other": 5}),
        user_agent_build_version=BuildVersion(version=SemanticVersion(major_number=1, minor_number=40)),
        client_features=["x"] * 50,
    )
    request = DiscoveryRequest(
        version_info="7", node=node, resource_names=["a", "b"], type_url=ROUTES, response_nonce="9",
        error_detail=Status(code=3, message="bad"),
    )  # fmt: skip
    read = wire.read_request(bytes(request))
    assert (read.version, read.type_url, read.nonce, read.names) == ("7", ROUTES, "9", ("a", "b"))
    assert (read.node_id, read.error) == ("w.m.a", "bad")
    assert read.proxy_version == "1.40.0"
    assert wire.read_request(bytes(DiscoveryRequest(type_url=ROUTES))).error is None


def test_responses_are_what_the_generated_type_reads() -> None:
    """A response written by hand decodes with all its resources."""
    packed = wire.packed(ROUTES, protojson.encode(ROUTES, {"name": "x"}))
    response = DiscoveryResponse.parse(wire.response(ROUTES, "v", [packed, packed], "n"))
    assert (response.version_info, response.type_url, response.nonce) == ("v", ROUTES, "n")
    unpacked: Any = response.resources[1].unpack()
    assert unpacked.name == "x"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    """Whatever arrives, reading ends with a request or with Malformed."""
    try:
        wire.read_request(noise)
    except wire.Malformed as error:
        assert str(error)
