"""The control plane of all Envoy meshes: follows the desired states, serves proxies, tells what they say.

Invariant: everything that it serves comes from the buckets, so any replica serves any proxy and a restarted
one continues where it was. One mesh that cannot be compiled does not touch the others.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import msgspec

from meshwright.adapters.envoy import allocation, background, desired, documents, identity, pki, statuses
from meshwright.adapters.envoy import bootstrap as bootstraps
from meshwright.adapters.envoy import buckets as envoy_buckets
from meshwright.adapters.envoy.ads import DiscoveryServer
from meshwright.adapters.envoy.board import Board
from meshwright.adapters.envoy.buckets import Buckets
from meshwright.adapters.envoy.certificates import MeshSecrets
from meshwright.adapters.envoy.desired import DesiredState
from meshwright.adapters.envoy.fleet import Fleet, FleetError
from meshwright.adapters.envoy.identity import NodeId
from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.reporter import Reporter
from meshwright.adapters.envoy.resources import compiler
from meshwright.adapters.envoy.resources.snapshot import Snapshot, TypeSet, type_set
from meshwright.adapters.envoy.statuses import ProxyStatus
from meshwright.core import bus as mwbus
from meshwright.core import kit, ports
from meshwright.schemas.base import Message
from meshwright.schemas.meshes import Mesh, MeshObserved
from meshwright.schemas.workloads import ProxyObserved

_RENEWAL_SECONDS = 60.0
_BUS_SECONDS = 0.25
_EMPTY = type_set(())
_log = logging.getLogger(__name__)


class ControlPlane:
    """One replica. Use `ControlPlane.open`."""

    def __init__(self, runtime: kit.Runtime, buckets: Buckets, fleet: Fleet, options: Options) -> None:
        self.runtime = runtime
        self.buckets = buckets
        self.fleet = fleet
        self.options = options
        self.lately = allocation.Lately()
        self._states: dict[str, DesiredState] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._secrets: dict[str, MeshSecrets] = {}
        self._told: dict[str, Message] = {}
        self._reporter = Reporter(self._tell_proxy, self._tell_mesh)
        self._board = Board(runtime.instance, self._reporter.changed)
        self._server = DiscoveryServer(self._authorise, self._certificates, self._hear)
        self._port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, runtime: kit.Runtime, options: Options) -> AsyncIterator["ControlPlane"]:
        """Serve while the block runs; gives the control plane once it knows all meshes.

        Raises bus.BusUnavailable, or RuntimeError when the discovery port cannot be bound.
        """
        buckets = await envoy_buckets.open_all(runtime)
        directory = runtime.data_dir / "fleet"
        async with Fleet.open(directory, keep_on_exit=options.envoy_keep_sidecars) as fleet:
            plane = cls(runtime, buckets, fleet, options)
            async with background.running(plane._reporter.run()), plane._listening():
                known = asyncio.Event()
                async with (
                    background.running(plane._follow_states(known)),
                    background.running(plane._follow_proxies()),
                    background.running(plane._renew()),
                ):
                    async with asyncio.timeout(30.0):
                        await known.wait()
                    async with background.running(plane._take_over_sidecars()):
                        yield plane

    def state(self, workspace: str, mesh: str) -> DesiredState | None:
        """The desired state of a mesh as it is served now."""
        return self._states.get(identity.mesh_key(workspace, mesh))

    def states(self) -> Collection[DesiredState]:
        """The desired states of all meshes."""
        return list(self._states.values())

    def status(self, node: NodeId) -> ProxyStatus:
        """The newest word on a proxy."""
        return self._board.status(node)

    async def applied(
        self, workspace: str, mesh: str, version: str, timeout: float = 30.0, patience: float = 3.0
    ) -> dict[str, ProxyStatus]:
        """What every proxy of the mesh says of the desired state of this version, by workload.

        Waits up to `timeout` seconds, for proxies that are not connected up to `patience` seconds.
        Raises TimeoutError when this replica does not serve that version by then.
        """
        key = identity.mesh_key(workspace, mesh)
        deadline = asyncio.get_running_loop().time() + timeout
        while key not in self._states or desired.version(self._states[key]) != version:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"version {version} of {key} is not served here")
            await asyncio.sleep(0.005)  # the bucket's watch is milliseconds behind the write
        state = self._states[key]
        found = await self._board.answers([state.node(name) for name in state.workloads], version, timeout, patience)
        return {node.workload: status for node, status in found.items()}

    async def authority(self, workspace: str, mesh: str) -> pki.Authority:
        """The mesh's certificate authority, made on first use by exactly one replica.

        Raises bus.BusUnavailable.
        """
        key = identity.mesh_key(workspace, mesh)
        entry = await self.buckets.secrets.get(key)
        if entry is None:
            made = pki.create_authority(mesh, documents.now())
            with contextlib.suppress(mwbus.Conflict):
                await self.buckets.secrets.create(key, msgspec.json.encode(made))
            entry = await self.buckets.secrets.get(key)
            assert entry is not None
        return msgspec.json.decode(entry.value, type=pki.Authority)

    async def bootstrap(self, state: DesiredState, workload: str) -> dict[str, object]:
        """What the Envoy beside a workload is started with; it contains the join token.

        Raises KeyError when the workload is not enrolled, or bus.BusUnavailable.
        """
        member = state.workloads[workload]
        authority = await self.authority(state.workspace, state.mesh)
        node = state.node(workload)
        return bootstraps.bootstrap(
            node,
            token=identity.join_token(authority.join_secret, node),
            service=member.spec.service,
            control_planes=self._addresses(member.spec.sidecar == "managed"),
        )

    def mesh(self, state: DesiredState) -> Mesh:
        """The mesh as it stands now."""
        return documents.mesh(state, lambda name: self._board.status(state.node(name)), documents.now())

    def report(self, state: DesiredState) -> None:
        """Have every proxy of a mesh told of, also those that never came."""
        for name in state.workloads:
            self._reporter.changed(state.node(name))

    async def tell(self, nodes: Collection[NodeId]) -> None:
        """Tell of these proxies now, before what they say is overtaken.

        Raises bus.BusUnavailable.
        """
        for node in nodes:
            await self._tell_proxy(node)

    async def forget(self, node: NodeId) -> None:
        """The proxy has left for good.

        Raises bus.BusUnavailable.
        """
        self._board.forget(node)
        self._told.pop(str(node), None)
        await self.buckets.proxies.delete(str(node))

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        remembered = self.runtime.data_dir / "xds-port"
        wanted = self.options.envoy_xds_port or _read_port(remembered)
        if not wanted:
            wanted = ports.choose(self.options.envoy_first_port - 100, host=self.options.envoy_xds_host)
        async with self._server.serve(f"{self.options.envoy_xds_host}:{wanted}") as port:
            self._port = port
            remembered.parent.mkdir(parents=True, exist_ok=True)
            remembered.write_text(str(port))
            yield

    async def _take_over_sidecars(self) -> None:
        """Have the sidecars that an earlier worker started on this host run what this version starts them with."""
        running = {sidecar.node_id for sidecar in await self.fleet.list()}
        for state in self.states():
            for name in state.workloads:
                node = str(state.node(name))
                try:
                    if node in running:
                        await self.fleet.ensure(node, await mwbus.patiently(self.bootstrap, state, name))
                except FleetError as error:
                    _log.error("the sidecar %s could not be taken over: %s", node, error)

    def _addresses(self, local: bool) -> list[tuple[str, int]]:
        advertised = [each for each in self.options.envoy_xds_advertise.split(",") if each]
        if local or not advertised:
            host = self.options.envoy_xds_host
            return [("127.0.0.1" if host in ("0.0.0.0", "::") else host, self._port)]  # noqa: S104 - compared only
        pairs = (each.rpartition(":") for each in advertised)
        return [(host, int(port)) for host, _, port in pairs]

    async def _authorise(self, node: NodeId, token: str) -> bool:
        state = self._states.get(node.key)
        if state is None or node.workload not in state.workloads:
            return False
        authority = await self.authority(node.workspace, node.mesh)
        return identity.is_token(authority.join_secret, node, token)

    def _certificates(self, node: NodeId) -> TypeSet:
        secrets, state = self._secrets.get(node.key), self._states.get(node.key)
        return secrets.of(state, node.workload, documents.now()) if secrets and state else _EMPTY

    def _hear(self, node: NodeId, status: ProxyStatus) -> None:
        secrets = self._secrets.get(node.key)
        facts = secrets.facts(node.workload) if secrets else None
        known = msgspec.structs.replace(status, replica=self.runtime.instance, certificate=facts)
        self._board.heard_here(node, known)

    async def _follow_states(self, known: asyncio.Event) -> None:
        async with self.buckets.desired.watch() as changes:
            async for change in changes:
                if not change.key:
                    known.set()
                elif change.entry is None:
                    self._drop(change.key)
                else:
                    await self._take(change.key, change.entry.value)

    async def _take(self, key: str, value: bytes) -> None:
        try:
            state = desired.decode(value)
            # Asked each time: a mesh may have been made anew, with another authority, since this replica looked last.
            # And for as long as the bus is away: a state that was not taken is not told again.
            authority = await mwbus.patiently(self.authority, state.workspace, state.mesh, pause=_BUS_SECONDS)
            if key not in self._secrets or self._secrets[key].authority != authority:
                self._secrets[key] = MeshSecrets(authority)
            snapshot = compiler.compile_mesh(state)
            await asyncio.to_thread(self._server.encoder.warm, snapshot)
            self._states[key], self._snapshots[key] = state, snapshot
            self._server.publish(key, snapshot)
        except Exception:  # one bad mesh must not end the service of the others
            _log.exception("the desired state of %s cannot be served; its proxies keep what they have", key)

    def _drop(self, key: str) -> None:
        self._server.forget(key)
        for known in (self._states, self._snapshots, self._secrets):
            known.pop(key, None)

    async def _follow_proxies(self) -> None:
        async with self.buckets.proxies.watch() as changes:
            async for change in changes:
                with contextlib.suppress(ValueError):
                    node = identity.parse(change.key)
                    if change.entry is not None:
                        status = msgspec.json.decode(change.entry.value, type=ProxyStatus)
                        self._board.heard_elsewhere(node, status)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEWAL_SECONDS)
            for key, secrets in list(self._secrets.items()):
                if key in self._snapshots and secrets.renewals_due(documents.now()):
                    self._server.publish(key, self._snapshots[key])
                    secrets.drop_overdue(documents.now())

    async def _tell_proxy(self, node: NodeId) -> None:
        state, status = self._states.get(node.key), self._board.status(node)
        member = state.workloads.get(node.workload) if state else None
        if state is None or member is None:
            return
        if status.state == "disconnected" and await self._is_elsewhere(node):
            return
        if status.replica == self.runtime.instance:
            await self.buckets.proxies.put(str(node), msgspec.json.encode(status))
        message = ProxyObserved(proxy=documents.proxy(state, member, status, statuses.EPOCH))
        if self._told.get(str(node)) != message:
            told = ProxyObserved(proxy=msgspec.structs.replace(message.proxy, observed_at=documents.now()))
            await self.runtime.emit(node.workspace, node.workload, told)
            self._told[str(node)] = message

    async def _is_elsewhere(self, node: NodeId) -> bool:
        """Whether another replica has taken the proxy over; then it is not ours to call it gone."""
        entry = await self.buckets.proxies.get(str(node))
        if entry is None:
            return False
        recorded = msgspec.json.decode(entry.value, type=ProxyStatus)
        self._board.heard_elsewhere(node, recorded)
        return recorded.replica != self.runtime.instance and recorded.state != "disconnected"

    async def _tell_mesh(self, key: str) -> None:
        state = self._states.get(key)
        if state is None:
            return
        plain = msgspec.structs.replace(self.mesh(state), observed_at=statuses.EPOCH)
        if self._told.get(key) != MeshObserved(mesh=plain):
            told = msgspec.structs.replace(plain, observed_at=documents.now())
            await self.runtime.emit(state.workspace, state.mesh, MeshObserved(mesh=told))
            self._told[key] = MeshObserved(mesh=plain)


def _read_port(remembered: Path) -> int:
    try:
        return int(remembered.read_text())
    except (OSError, ValueError):
        return 0
