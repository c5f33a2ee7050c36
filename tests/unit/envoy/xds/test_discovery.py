"""The discovery service over real streams: who gets in, whose stream counts, and what one proxy can do to others."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest, DiscoveryResponse
from envoy_data_plane.google.rpc import Status

from meshwright.adapters.envoy.pki import issuing
from meshwright.adapters.envoy.pki.certificates import Secrets
from meshwright.adapters.envoy.pki.credentials import Credentials
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import Snapshot, proxy_snapshot, resource, type_set
from meshwright.adapters.envoy.state import documents, identity
from meshwright.adapters.envoy.state.identity import Holder, NodeId
from meshwright.adapters.envoy.xds import ads
from meshwright.adapters.envoy.xds.ads import DiscoveryServer
from meshwright.adapters.envoy.xds.statuses import ProxyStatus
from meshwright.core.testing.eventually import eventually

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
A, B = NodeId("w", "m", "a"), NodeId("w", "m", "b")
NOW = documents.now()
KEY = {"name": names.IDENTITY, "tls_certificate": {"private_key": {"inline_string": "-----BEGIN PRIVATE KEY"}}}


AUTHORITY = issuing.create_authority("control plane", NOW)
ISSUING = Credentials(AUTHORITY)


def connecting(port: int, issued: issuing.Issued | None) -> grpc.aio.Channel:
    """A caller with this certificate, who makes sure that it speaks to the control plane."""
    pair = (issued.key.encode(), issued.chain.encode()) if issued else (None, None)
    secured = grpc.ssl_channel_credentials(AUTHORITY.certificate.encode(), *pair)
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.ssl_target_name_override", identity.CONTROL_PLANE)]
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", secured, options)


def snapshot(cluster: str, *nodes: NodeId, size: int = 0) -> Snapshot:
    """One cluster, of so many bytes, for these proxies."""
    body = {"name": cluster, "alt_stat_name": "x" * size}
    content = proxy_snapshot({names.CLUSTER: type_set([resource(names.CLUSTER, body)])})
    return Snapshot(f"state of {cluster}", {str(node): content for node in nodes})


class Plane:
    """A server whose mesh's incarnation is `good`, and what its observer heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[NodeId, ProxyStatus]] = []
        self.server = DiscoveryServer(self.is_member, self.secrets, lambda *word: self.heard.append(word), self.admit)
        self.port = 0
        self.channels = contextlib.AsyncExitStack()

    def is_member(self, holder: Holder) -> bool:
        """Whether a proxy may come in."""
        return holder.incarnation == "good"

    async def admit(self, holder: Holder) -> bytes | None:
        """Nobody joins from elsewhere."""
        return None

    def secrets(self, node: NodeId) -> Secrets:
        """What every proxy gets."""
        return Secrets(type_set([resource(names.SECRET, KEY)]))

    def states(self, node: NodeId) -> list[str]:
        """What was heard of a proxy, in order."""
        return [status.state for who, status in self.heard if who == node]


class Proxy:
    """A proxy's side of a stream."""

    def __init__(self, plane: Plane, node: NodeId = A, certified: NodeId | None = None, incarnation: str = "good"):
        holder = Holder(node=certified or node, incarnation=incarnation)
        channel = connecting(plane.port, ISSUING.issue(holder, NOW))
        plane.channels.push_async_callback(channel.close)
        self.call: Any = channel.stream_stream(METHOD)()
        self.node = Node(id=str(node))

    async def ask(self, url: str = names.CLUSTER, wanted: tuple[str, ...] = ()) -> None:
        """Subscribe to a type."""
        await self.call.write(bytes(DiscoveryRequest(type_url=url, node=self.node, resource_names=list(wanted))))

    async def read(self) -> DiscoveryResponse:
        """The next response."""
        return DiscoveryResponse.parse(await self.call.read())

    async def answer(self, to: DiscoveryResponse, words: str = "") -> None:
        """ACK, or NACK with these words."""
        error = Status(code=3, message=words) if words else None
        request = DiscoveryRequest(type_url=to.type_url, response_nonce=to.nonce, error_detail=error)
        await self.call.write(bytes(request))

    async def end(self) -> tuple[grpc.StatusCode, str]:
        """How the server ends the stream."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            while await self.call.read() is not grpc.aio.EOF:
                pass
        return await self.call.code(), await self.call.details()


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    """A server with one cluster for `a` and `b`."""
    result = Plane()
    result.server.publish("w.m", snapshot("first", A, B))
    async with result.server.serve("127.0.0.1:0", ISSUING.server(NOW)) as result.port, result.channels:
        yield result


@pytest.mark.parametrize(
    ("certified", "incarnation"),
    [(B, "good"), (A, "former"), (NodeId("w", "n", "a"), "good"), (NodeId("v", "m", "a"), "good")],
)
async def test_without_its_certificate_nobody_gets_in(plane: Plane, certified: NodeId, incarnation: str) -> None:
    """Whoever shows the certificate of another proxy, mesh or workspace, or of a former mesh of the same name, is told
    that it is refused, and nobody hears of it."""
    thief = Proxy(plane, A, certified, incarnation)
    await thief.ask()
    code, words = await thief.end()
    assert (code, "w.m.a is not enrolled, or this is not its certificate") == (grpc.StatusCode.UNAUTHENTICATED, words)
    assert plane.heard == []


@pytest.mark.parametrize("issuing", [None, Credentials(issuing.create_authority("control plane", NOW))])
async def test_who_has_no_certificate_of_this_control_plane_hears_nothing(
    plane: Plane, issuing: Credentials | None
) -> None:
    """Anonymous callers, and those of another installation, are turned away before the first request."""
    issued = issuing.issue(Holder(node=A, incarnation="good"), NOW) if issuing else None
    async with connecting(plane.port, issued) as channel:
        call: Any = channel.stream_stream(METHOD)()
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call.read()
    assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
    assert plane.heard == []


async def test_without_tls_nobody_is_heard(plane: Plane) -> None:
    """A caller that does not speak TLS gets nothing at all."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{plane.port}") as channel:
        call: Any = channel.stream_stream(METHOD)()
        with pytest.raises(grpc.aio.AioRpcError):
            await call.read()
    assert plane.heard == []


@pytest.mark.parametrize("frame", [b"\xff", b"", bytes(DiscoveryRequest(node=Node(id="a.b")))])
async def test_noise_instead_of_a_request_is_refused(plane: Plane, frame: bytes) -> None:
    """What is no request, or names no proxy, ends its own stream with a reason and no other."""
    good, bad = Proxy(plane), Proxy(plane)
    await good.ask()
    await bad.call.write(frame)
    code, words = await bad.end()
    assert code == grpc.StatusCode.INVALID_ARGUMENT and words
    assert (await good.read()).type_url == names.CLUSTER


async def test_noise_after_a_request_ends_that_stream(plane: Plane, caplog: pytest.LogCaptureFixture) -> None:
    """A proxy that goes mad is cut off with a reason and told as gone; nothing of it is an error of the server."""
    caplog.set_level(logging.ERROR)
    proxy = Proxy(plane)
    await proxy.ask()
    await proxy.read()
    await proxy.call.write(b"\xff")
    assert (await proxy.end())[0] == grpc.StatusCode.INVALID_ARGUMENT
    await eventually(lambda: plane.states(A)[-1] == "disconnected")
    assert caplog.records == []


async def test_who_says_nothing_is_not_waited_for(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream on which no request comes ends by itself."""
    monkeypatch.setattr(ads, "_FIRST_REQUEST_SECONDS", 0.05)
    silent = Proxy(plane)
    await silent.call.wait_for_connection()
    assert await silent.end() == (grpc.StatusCode.DEADLINE_EXCEEDED, "no request came")


async def test_the_newest_stream_of_a_proxy_counts(plane: Plane) -> None:
    """A second stream ends the first one, whose end is not taken for the proxy's."""
    old, new = Proxy(plane), Proxy(plane)
    await old.ask()
    await old.read()
    await new.ask()
    assert (await old.end())[0] == grpc.StatusCode.OK
    await new.answer(await new.read())
    await eventually(lambda: plane.states(A)[-1] == "stale")
    assert "disconnected" not in plane.states(A)
    new.call.cancel()
    await eventually(lambda: plane.states(A)[-1] == "disconnected")
    assert plane.server.status(A) is None


async def test_each_answer_is_reported_with_the_state_that_it_judges(plane: Plane) -> None:
    """An ACK and a NACK are heard with the proxy's words and the desired state; too many words are cut."""
    proxy = Proxy(plane)
    await proxy.ask()
    await proxy.answer(await proxy.read())
    plane.server.publish("w.m", snapshot("second", A))
    await proxy.answer(await proxy.read(), "no such thing" * 400)
    await eventually(lambda: plane.states(A)[-1] == "rejected")
    last = plane.heard[-1][1]
    assert last.state_version == "state of second"
    assert last.error.startswith("Cluster: no such thing") and len(last.error) == 2000
    assert (last.acked, bool(last.sent)) == ("", True)


async def test_who_is_no_longer_part_of_the_mesh_is_cut_off(plane: Plane) -> None:
    """A withdrawn proxy's stream ends while the others go on; with its mesh forgotten every stream ends."""
    first, second = Proxy(plane, A), Proxy(plane, B)
    for each in (first, second):
        await each.ask()
        await each.answer(await each.read())
    plane.server.publish("w.m", snapshot("second", B))
    assert (await first.end())[0] == grpc.StatusCode.OK
    await second.answer(await second.read())
    plane.server.publish("w.other", snapshot("third", NodeId("w", "other", "a")))
    plane.server.forget("w.m")
    assert (await second.end())[0] == grpc.StatusCode.OK


async def test_a_slow_proxy_holds_up_nobody(plane: Plane) -> None:
    """While one proxy does not read at all, another gets every new configuration at once."""
    slow, quick = Proxy(plane, A), Proxy(plane, B)
    await slow.ask()
    await quick.ask()
    await quick.answer(await quick.read())
    for number in range(4):
        plane.server.publish("w.m", snapshot(f"large-{number}", A, B, size=1_000_000))
        async with asyncio.timeout(30):
            response = await quick.read()
        assert f"large-{number}".encode() in response.resources[0].value[:40]
        await quick.answer(response)


async def test_private_keys_reach_the_proxy_and_no_memory(plane: Plane) -> None:
    """The key is in the response to the one who asked, and not in what the encoder remembers."""
    proxy = Proxy(plane)
    await proxy.ask(names.SECRET, (names.IDENTITY,))
    assert b"BEGIN PRIVATE KEY" in (await proxy.read()).resources[0].value
    await proxy.ask(names.CLUSTER)
    await proxy.read()
    encoder = plane.server.encoder
    kept = [*encoder._resources._young.values(), *encoder._pieces._young.values()]
    assert kept and not any(b"PRIVATE" in each for each in kept)
