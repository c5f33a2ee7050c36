"""The aggregated discovery service: one gRPC stream per proxy for all its resources.

Invariant: a stream belongs to the proxy that its peer certificate names, the newest stream of a proxy is the one that
counts, and each stream writes at its own pace, so a slow proxy delays no other. Every change of a proxy's status is
passed to the observer.
"""

import asyncio
import contextlib
import datetime
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from meshwright.adapters.envoy.dataplane import binding
from meshwright.adapters.envoy.pki import credentials
from meshwright.adapters.envoy.pki.certificates import Secrets
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import Snapshot
from meshwright.adapters.envoy.state import identity
from meshwright.adapters.envoy.state.identity import Holder, NodeId
from meshwright.adapters.envoy.xds import protojson, wire
from meshwright.adapters.envoy.xds.encoding import Encoder
from meshwright.adapters.envoy.xds.statuses import ProxyStatus
from meshwright.adapters.envoy.xds.stream import ProxyStream, Send

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
JOINING = "meshwright.envoy.v1.Joining"
"""the service with one method, Join, by which sidecars of other hosts get their start files"""
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
]
_FIRST_REQUEST_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
"""seconds between two attempts at a port that seems free and is not; doubled each time"""
_log = logging.getLogger(__name__)

Observer = Callable[[NodeId, ProxyStatus], None]


class Connection:
    """One open stream: the protocol's state, and the signal for its writer."""

    def __init__(self, node: NodeId, proxy_version: str) -> None:
        self.node = node
        self.proxy_version = proxy_version
        self.since = datetime.datetime.now(datetime.UTC)
        self.stream = ProxyStream()
        self.state_version = ""
        self.stage = ""
        self.closed = False
        self.holders: dict[int, str] = {}
        """the processes on the ports that the proxy cannot bind"""
        self._retry_at, self._pause = 0.0, _FIRST_PAUSE
        self._changed = asyncio.Event()
        self._changed.set()

    def wake(self) -> None:
        """Make the writer check again what is due."""
        self._changed.set()

    def close(self) -> None:
        """End the stream."""
        self.closed = True
        self.wake()

    async def changed(self) -> None:
        """Wait until there may be something to send."""
        await self._changed.wait()
        self._changed.clear()

    def may_retry(self) -> bool:
        """Whether it is time to send again what could not be bound; false when called again at once."""
        now = time.monotonic()
        if now < self._retry_at:
            return False
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._retry_at = now + self._pause
        return True

    def blocked(self) -> list[binding.Taken]:
        """The addresses that the proxy cannot bind, when this is the only reason of its rejection."""
        errors = self.stream.errors()
        return binding.taken(errors[names.LISTENER]) if errors.keys() == {names.LISTENER} else []

    def status(self) -> ProxyStatus:
        """The present status of the proxy."""
        target, blocked = self.stream.target, self.blocked()
        words = [f"{url.rpartition('.')[2]}: {error}" for url, error in self.stream.errors().items()]
        if blocked:
            words = [binding.words(blocked, self.holders)]
        state = self.stream.state
        return ProxyStatus(
            state=state,
            state_version=self.state_version,
            sent=target.version if target else "",
            acked=target.version if target and state == "synced" else "",
            error="; ".join(words)[:2000],
            sync=self.stream.sync(),
            blocked=[each.port for each in blocked],
            proxy_version=self.proxy_version,
            since=self.since,
            stage=self.stage if state == "synced" else "",
        )


class DiscoveryServer:
    """Serves snapshots to proxies. `is_member` checks the identity in a certificate; `secrets` returns a proxy's keys.

    `admit` returns the start files of a sidecar on another host, or None when it may not join.
    """

    def __init__(
        self,
        is_member: Callable[[Holder], bool],
        secrets: Callable[[NodeId], Secrets],
        observe: Observer,
        admit: Callable[[Holder], Awaitable[bytes | None]],
    ) -> None:
        self._admit = admit
        self._is_member = is_member
        self._secrets = secrets
        self._observe = observe
        self._snapshots: dict[str, Snapshot] = {}
        self._connections: dict[NodeId, Connection] = {}
        self.encoder = Encoder()

    def publish(self, mesh: str, snapshot: Snapshot) -> None:
        """Serve this snapshot to all proxies of a mesh (by its key); also renews their certificates."""
        self._snapshots[mesh] = snapshot
        for connection in self._of_mesh(mesh):
            self._aim(connection)

    def forget(self, mesh: str) -> None:
        """Stop serving this mesh and end its streams."""
        self._snapshots.pop(mesh, None)
        for connection in self._of_mesh(mesh):
            connection.close()

    def status(self, node: NodeId) -> ProxyStatus | None:
        """The status of a proxy whose stream is here; None when it is not."""
        connection = self._connections.get(node)
        return connection.status() if connection else None

    async def unblock(self, every: float) -> None:
        """Check periodically which processes hold the ports that proxies cannot bind; send a listener again when it may
        bind.

        A proxy on another host cannot be checked from here; it is retried with increasing pauses.
        """
        while True:
            await asyncio.sleep(every)
            for connection in [each for each in self._connections.values() if each.blocked()]:
                seen = await asyncio.to_thread(binding.holders, connection.blocked())
                if not seen and connection.may_retry():
                    connection.stream.retry(names.LISTENER)
                    connection.wake()
                elif seen and seen != connection.holders:
                    connection.holders = seen
                    self._observe(connection.node, connection.status())

    @contextlib.asynccontextmanager
    async def serve(self, address: str, secured: grpc.ServerCredentials) -> AsyncIterator[int]:
        """Listen during the block; yields the port.

        Raises RuntimeError when the address cannot be bound.
        """
        server = grpc.aio.server(options=_OPTIONS)
        handler: Any = grpc.stream_stream_rpc_method_handler(self._stream)
        methods = {"StreamAggregatedResources": handler}
        joining: Any = grpc.unary_unary_rpc_method_handler(self._start)
        services = [(_SERVICE, methods), (JOINING, {"Join": joining})]
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(*each) for each in services])
        port = server.add_secure_port(address, secured)
        await server.start()
        try:
            yield port
        finally:
            for connection in self._connections.values():
                connection.close()
            await server.stop(grace=1.0)

    def _of_mesh(self, mesh: str) -> list[Connection]:
        return [each for node, each in self._connections.items() if node.key == mesh]

    async def _stream(self, _: Any, context: Any) -> None:
        """One proxy, from its first request to the end of its stream."""
        connection = await self._join(context)
        if connection is None:
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read(connection, context))
                await self._write(connection, context)
                reader.cancel()
        except* (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError, ConnectionError) as lost:
            _log.debug("the xDS stream of %s broke: %s", connection.node, lost.exceptions[0])
        finally:
            self._leave(connection)

    async def _start(self, _: bytes, context: Any) -> bytes:
        """The start files of the caller's sidecar."""
        for holder in credentials.holders(context.auth_context()):
            answer = await self._admit(holder)
            if answer is not None:
                return answer
        words = "this invitation was used before, or never given, or the workload has left the mesh"
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, words)
        raise AssertionError("abort raises")

    async def _join(self, context: Any) -> Connection | None:
        try:
            async with asyncio.timeout(_FIRST_REQUEST_SECONDS):
                raw = await context.read()
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "no request came")
        if raw is grpc.aio.EOF:
            return None
        try:
            request = wire.read_request(raw)
            node = identity.parse(request.node_id)
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        caller = [each for each in credentials.holders(context.auth_context()) if each.node == node]
        if not any(self._is_member(each) for each in caller):
            words = f"{node} is not enrolled, or this is not its certificate"
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, words)
        connection = Connection(node, request.proxy_version)
        former = self._connections.pop(node, None)
        if former:
            former.close()
        self._connections[node] = connection
        connection.stream.receive(request)
        self._aim(connection)
        return connection

    def _aim(self, connection: Connection) -> None:
        """Set the newest snapshot of its mesh as a stream's target."""
        snapshot = self._snapshots.get(connection.node.key)
        if snapshot:
            connection.stream.target = snapshot.proxies.get(str(connection.node))
            connection.state_version = snapshot.state
            if connection.stream.target is None:
                connection.close()
                return
            secrets = self._secrets(connection.node)
            connection.stream.secrets, connection.stage = secrets.content, secrets.stage
        connection.wake()
        self._observe(connection.node, connection.status())

    async def _read(self, connection: Connection, context: Any) -> None:
        while (raw := await context.read()) is not grpc.aio.EOF:
            try:
                connection.stream.receive(wire.read_request(raw))
            except wire.Malformed as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            connection.wake()
            self._observe(connection.node, connection.status())
        connection.close()

    async def _write(self, connection: Connection, context: Any) -> None:
        while True:
            await connection.changed()
            if connection.closed:
                return
            for send in connection.stream.due():
                await context.write(self._encode(send))

    def _encode(self, send: Send) -> bytes:
        if send.type_url == names.SECRET:  # private keys stay out of the encoder's memory
            packed = [wire.packed(each.type, protojson.encode(each.type, each.body)) for each in send.content.resources]
        else:
            packed = [self.encoder.packed(each) for each in send.content.resources]
        return wire.response(send.type_url, send.content.version, packed, send.nonce)

    def _leave(self, connection: Connection) -> None:
        if self._connections.get(connection.node) is connection:
            del self._connections[connection.node]
            self._observe(connection.node, ProxyStatus(state="disconnected", proxy_version=connection.proxy_version))
