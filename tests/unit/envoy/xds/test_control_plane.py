"""The control plane over what lies in its buckets: one bad entry harms no other, and replicas agree."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from cryptography import x509

from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.pki import issuing
from meshwright.adapters.envoy.pki.credentials import Credentials
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.state import desired, documents, identity
from meshwright.adapters.envoy.state.buckets import Buckets
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.identity import Holder, NodeId
from meshwright.adapters.envoy.xds import control_plane, protojson
from meshwright.adapters.envoy.xds.ads import Connection
from meshwright.adapters.envoy.xds.control_plane import ControlPlane, _read_port
from meshwright.adapters.envoy.xds.statuses import ProxyStatus
from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.workloads import WorkloadSpec

NODE = NodeId("w", "m", "a")
BOOTSTRAP = "type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap"


def mesh(name: str = "m", sidecar: Any = "managed") -> DesiredState:
    """A mesh of one workload."""
    ports = {"a": desired.Ports(outbound=1, inbound=2)}
    spec = WorkloadSpec(name="a", service="a", port=80, sidecar=sidecar)
    return desired.enrol(DesiredState(workspace="w", mesh=name, connection="c"), [spec], ports)


@pytest.fixture
def planes(bucket: Any, runtime: Any) -> Callable[..., Any]:
    """Makes replicas that share their buckets; none of them listens or runs anything."""
    shared = Buckets(desired=bucket(), secrets=bucket(), proxies=bucket(), plans=bucket())

    credentials = Credentials(issuing.create_authority("control plane", documents.now()))

    def make(instance: str = "here", **options: Any) -> ControlPlane:
        here = runtime()
        here.instance = instance
        return ControlPlane(here, shared, cast(Any, None), Options(**options), credentials)

    return make


async def put(plane: ControlPlane, *states: DesiredState) -> None:
    """Have these lie in the bucket and be followed."""
    for each in states:
        await plane.buckets.desired.put(f"{each.workspace}.{each.mesh}", desired.encode(each))
    known = asyncio.Event()
    following = asyncio.create_task(plane._follow_states(known))
    await known.wait()
    await ending.end(following)


async def test_one_mesh_that_cannot_be_served_touches_no_other(planes: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Noise, a state that does not encode and one whose identities cannot be issued are logged by name; every other
    mesh is served, and a bad one again as soon as it is good."""
    plane = planes()
    protocols = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    twice = {protocols: {"@type": names.PREFIX + protocols, "explicit_http_config": {"http_protocol_options": {}}}}
    misfit = NativeResource(type=names.CLUSTER, name="a|v1", body={"typed_extension_protocol_options": twice})
    plane._server._connections[NodeId("w", "d", "a")] = Connection(NodeId("w", "d", "a"), "")
    await plane.buckets.desired.put("w.noise", b"\x00")
    bad = desired.apply_design(mesh("b"), Design(id="d", resources=[misfit]), 1)
    await put(plane, bad, desired.settle(mesh("d"), "münchen"), mesh("good"))
    assert {record.args[0] for record in caplog.records if isinstance(record.args, tuple)} == {"w.noise", "w.b", "w.d"}
    assert plane.state("w", "good") == mesh("good")
    assert plane.state("w", "b") is None
    await put(plane, mesh("b"))
    assert plane.state("w", "b") == mesh("b")


async def test_words_that_nobody_can_read_are_passed_over(planes: Any) -> None:
    """A record of a strange form or under a strange key does not keep the others from being heard."""
    plane = planes()
    good = ProxyStatus(state="synced", state_version="1", replica="there")
    for key, value in (("a", b"{}"), ("w.m.x", b"\x00"), ("w.m.y", b'{"state": "dancing"}')):
        await plane.buckets.proxies.put(key, value)
    await plane.buckets.proxies.put("w.m.z", msgspec.json.encode(good))
    following = asyncio.create_task(plane._follow_proxies())
    await eventually(lambda: plane.status(NodeId("w", "m", "z")) == good)
    await ending.end(following)
    assert plane.status(NodeId("w", "m", "x")).state == "disconnected"


async def test_all_replicas_have_one_authority(planes: Any) -> None:
    """However many want the authority of a mesh first, they get the same one; another mesh has another."""
    replicas = [planes(f"replica-{index}") for index in range(3)]
    result = await asyncio.gather(*(each.authority("w", "m") for each in replicas for _ in range(2)))
    assert len({each.certificate for each in result}) == 1
    assert (await replicas[0].authority("w", "n")).id != result[0].id


async def test_a_state_is_taken_when_the_bus_is_back(planes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that is away while a mesh's keys are looked up delays the mesh and does not lose it."""
    monkeypatch.setattr(control_plane, "_BUS_SECONDS", 0.001)
    plane, failures = planes(), [mwbus.BusUnavailable("away"), mwbus.BusUnavailable("away")]
    read = plane.buckets.secrets.get

    async def flaky(key: str) -> Any:
        if failures:
            raise failures.pop()
        return await read(key)

    plane.buckets.secrets.get = flaky
    await put(plane, mesh())
    assert plane.state("w", "m") == mesh()


async def test_a_replica_that_slept_through_a_new_mesh_serves_its_new_authority(planes: Any) -> None:
    """When a mesh was uninstalled and made again before this replica looked, its proxies get what the others' get."""
    plane = planes()
    await put(plane, mesh())
    assert plane._certificates(NODE).content.resources
    await plane.buckets.secrets.delete("w.m")
    authority = await planes("there").authority("w", "m")
    await put(plane, mesh())
    bundle = next(each.body for each in plane._certificates(NODE).content.resources if each.name == names.TRUST_BUNDLE)
    assert bundle["validation_context"]["trusted_ca"]["inline_string"] == authority.certificate
    kept = plane._certificates(NODE)
    await put(plane, mesh())
    assert plane._certificates(NODE) == kept


async def test_a_certificate_opens_the_stream_of_its_own_proxy_while_it_is_enrolled(planes: Any) -> None:
    """What a sidecar is given is good on every replica, for no other proxy or mesh, for no later mesh of the same name,
    and no longer after the withdrawal; an invitation opens no stream."""
    plane, other = planes(), planes("there")
    for each in (plane, other):
        await put(each, mesh("m"), mesh("n"))
    holder = await issued(plane, "a")
    assert holder.node == NODE
    assert plane._is_member(holder)
    assert other._is_member(holder)
    for stranger in (NodeId("w", "n", "a"), NodeId("w", "m", "b"), NodeId("v", "m", "a")):
        assert not plane._is_member(msgspec.structs.replace(holder, node=stranger))
    assert not plane._is_member(msgspec.structs.replace(holder, invitation="x"))
    await plane.buckets.secrets.delete("w.m")
    await put(plane, mesh("m"))
    assert not plane._is_member(holder)
    again = await issued(plane, "a")
    assert plane._is_member(again)
    await put(plane, desired.withdraw(mesh("m"), ["a"]))
    assert not plane._is_member(again)


async def issued(plane: ControlPlane, workload: str) -> Holder:
    """Whom the certificate in a sidecar's files names."""
    document = msgspec.json.decode((await plane.files(mesh(), workload))["control-plane-identity.json"])
    chain = document["resources"][0]["tls_certificate"]["certificate_chain"]["inline_string"]
    extension = x509.load_pem_x509_certificate(chain.encode()).extensions.get_extension_for_class
    holder = identity.read_uri(extension(x509.SubjectAlternativeName).value[0].value)
    assert holder is not None
    return holder


async def test_a_bootstrap_fits_its_type_and_leads_to_the_control_plane(planes: Any) -> None:
    """A sidecar on this host is led to this replica on loopback, a remote one to every advertised place; names are
    resolved, nothing in it is secret, and what lies beside it is what it names."""
    plane = planes(xds_host="0.0.0.0", xds_advertise="mw-0.example:15010,10.0.0.9:15011")
    plane._port = 15_000
    for sidecar, places, kind in (
        ("managed", [("127.0.0.1", 15_000)], "STATIC"),
        ("remote", [("mw-0.example", 15_010), ("10.0.0.9", 15_011)], "STRICT_DNS"),
    ):
        document = cast(Any, plane.bootstrap(mesh(sidecar=sidecar), "a"))
        assert protojson.encode(BOOTSTRAP, document)
        (cluster,) = document["static_resources"]["clusters"]
        ends = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        addresses = [each["endpoint"]["address"]["socket_address"] for each in ends]
        assert [(each["address"], each["port_value"]) for each in addresses] == places
        assert cluster["type"] == kind
        text = msgspec.json.encode(document).decode()
        assert "PRIVATE" not in text and "metadata" not in document["node"]
        assert all(f"./{name}" in text for name in await plane.files(mesh(sidecar=sidecar), "a"))
    with pytest.raises(KeyError):
        plane.bootstrap(mesh(), "nobody")


async def test_a_status_is_published_when_it_is_new_and_of_this_replica(planes: Any) -> None:
    """The same word is told once; that a proxy left here is not told while another replica has it."""
    plane = planes()
    await put(plane, mesh())
    told = cast(Any, plane.runtime).told
    plane._hear(NODE, ProxyStatus(state="synced", state_version="1"))
    await plane.tell([NODE])
    await plane.tell([NODE])
    assert [(name, message.proxy.state) for name, message in told] == [("m~~a", "synced")]
    elsewhere = ProxyStatus(state="synced", state_version="1", replica="there")
    await plane.buckets.proxies.put(str(NODE), msgspec.json.encode(elsewhere))
    plane._hear(NODE, ProxyStatus(state="disconnected"))
    await plane.tell([NODE])
    assert len(told) == 1
    assert plane.status(NODE) == elsewhere
    await plane.forget(NODE)
    assert await plane.buckets.proxies.get(str(NODE)) is None
    await plane.tell([NODE])
    assert told[-1][1].proxy.state == "disconnected"


async def test_a_version_that_is_not_served_is_not_waited_for_in_vain(planes: Any) -> None:
    """Asking for a state that never comes ends with an error that names it."""
    plane = planes()
    await put(plane, mesh())
    with pytest.raises(TimeoutError, match=r"version 00 of w\.m is not served here"):
        await plane.applied("w", "m", "00", timeout=0.02)
    result = await plane.applied("w", "m", desired.version(mesh()), timeout=1, patience=0.01)
    assert {name: each.state for name, each in result.items()} == {"a": "disconnected"}


@pytest.mark.parametrize("content", ["", "x", "15010\n", None])
def test_a_remembered_port_is_read_or_chosen_again(tmp_path: Path, content: str | None) -> None:
    """What is no number counts as nothing remembered."""
    if content is not None:
        (tmp_path / "xds-port").write_text(content)
    assert _read_port(tmp_path / "xds-port") == (15_010 if content == "15010\n" else 0)
