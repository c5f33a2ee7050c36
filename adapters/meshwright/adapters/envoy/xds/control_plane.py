"""The control plane of all Envoy meshes: follows the desired states, serves proxies, publishes their statuses.

Invariant: everything that it serves comes from the buckets, so any replica serves any proxy and a restarted one
continues where it was. A mesh that cannot be compiled does not affect the others.
"""

import asyncio
import contextlib
import datetime
import fcntl
import logging
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import IO

import msgspec

from meshwright.adapters.envoy.dataplane import bootstrap as bootstraps
from meshwright.adapters.envoy.dataplane import joining
from meshwright.adapters.envoy.dataplane.fleet import Fleet, FleetError
from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.pki import credentials, issuing
from meshwright.adapters.envoy.pki.authorities import Authorities
from meshwright.adapters.envoy.pki.certificates import MeshSecrets, Secrets
from meshwright.adapters.envoy.pki.credentials import Credentials
from meshwright.adapters.envoy.pki.invitations import Invitations
from meshwright.adapters.envoy.resources import compiler, native
from meshwright.adapters.envoy.resources.snapshot import Snapshot
from meshwright.adapters.envoy.state import allocation, desired, documents, identity
from meshwright.adapters.envoy.state import buckets as envoy_buckets
from meshwright.adapters.envoy.state.buckets import Buckets
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.identity import Holder, NodeId
from meshwright.adapters.envoy.xds import background, statuses
from meshwright.adapters.envoy.xds.ads import DiscoveryServer
from meshwright.adapters.envoy.xds.proxy_statuses import ProxyStatuses
from meshwright.adapters.envoy.xds.reporter import Reporter
from meshwright.adapters.envoy.xds.statuses import ProxyStatus
from meshwright.core import kit
from meshwright.core.kit.buckets import BusUnavailable, until_available
from meshwright.core.kit.machine import in_thread, ports
from meshwright.core.kit.security import sealing
from meshwright.schemas.base import Message
from meshwright.schemas.meshes import Mesh, MeshObserved
from meshwright.schemas.workloads import ProxyObserved

_RENEWAL_SECONDS = 60.0
_BUS_SECONDS = 0.25
_STAGE_SECONDS = 1.0
_STAGE_AT_MOST_SECONDS = 300.0
_LOOK_SECONDS = 1.0
FLEET = "fleet"
"""the folder of this host's sidecars in the data directory"""
_log = logging.getLogger(__name__)


class ControlPlane:
    """One replica. Use `ControlPlane.open`."""

    def __init__(
        self, runtime: kit.Runtime, buckets: Buckets, fleet: Fleet, options: Options, issuing: Credentials
    ) -> None:
        self.runtime = runtime
        self._authorities = Authorities(buckets.secrets, runtime)
        self._credentials = issuing
        self._renew_at: dict[str, datetime.datetime] = {}
        self._stages: dict[str, tuple[str, float]] = {}
        self.buckets = buckets
        self.fleet = fleet
        self.options = options
        self.reservations = allocation.Reservations(runtime.data_dir / FLEET)
        self._states: dict[str, DesiredState] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._secrets: dict[str, MeshSecrets] = {}
        self._told: dict[str, Message] = {}
        self._reporter = Reporter(self._tell_proxy, self._tell_mesh)
        self._statuses = ProxyStatuses(runtime.instance, self._reporter.changed)
        self._invitations = Invitations(buckets.secrets)
        self._server = DiscoveryServer(self._is_member, self._certificates, self._hear, self._admit)
        self._port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, runtime: kit.Runtime, options: Options) -> AsyncIterator["ControlPlane"]:
        """Serve during the block; yields the control plane once it has read all meshes.

        Raises bus.BusUnavailable, or RuntimeError when the discovery port cannot be bound, and the errors of `sealing`
        without a usable key.
        """
        buckets = await envoy_buckets.open_all(runtime)
        authority = await Authorities(buckets.secrets, runtime).of_control_plane(documents.now())
        directory = runtime.data_dir / FLEET
        async with Fleet.open(directory, keep_on_exit=options.keep_sidecars, user=options.user) as fleet:
            plane = cls(runtime, buckets, fleet, options, Credentials(authority))
            async with background.running(plane._reporter.run()), plane._listening():
                known = asyncio.Event()
                async with (
                    background.running(plane._follow_states(known)),
                    background.running(plane._follow_authorities()),
                    background.running(plane._follow_proxies()),
                    background.running(plane._server.unblock(_LOOK_SECONDS)),
                ):
                    async with asyncio.timeout(30.0):
                        await known.wait()
                    await plane._hold_ports()
                    async with background.running(plane._renew()), background.running(plane._replace_authorities()):
                        yield plane
        if not options.keep_sidecars:
            await in_thread(plane.reservations.release)

    def state(self, workspace: str, mesh: str) -> DesiredState | None:
        """The desired state of a mesh as it is served now."""
        return self._states.get(identity.mesh_key(workspace, mesh))

    def states(self) -> Collection[DesiredState]:
        """The desired states of all meshes."""
        return list(self._states.values())

    def status(self, node: NodeId) -> ProxyStatus:
        """The newest status of a proxy."""
        return self._statuses.status(node)

    async def applied(
        self, workspace: str, mesh: str, version: str, timeout: float = 30.0, patience: float = 3.0
    ) -> dict[str, ProxyStatus]:
        """The status of every proxy of the mesh for the desired state of this version, by workload.

        Waits up to `timeout` seconds, for proxies that are not connected up to `patience` seconds. Raises TimeoutError
        when this replica does not serve that version by then.
        """
        key = identity.mesh_key(workspace, mesh)
        deadline = asyncio.get_running_loop().time() + timeout
        while key not in self._states or desired.version(self._states[key]) != version:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"version {version} of {key} is not served here")
            await asyncio.sleep(0.005)  # the bucket's watch is milliseconds behind the write
        state = self._states[key]
        answers = await self._statuses.answers(
            [state.node(name) for name in state.workloads], version, timeout, patience
        )
        return {node.workload: status for node, status in answers.items()}

    async def authority(self, workspace: str, mesh: str) -> issuing.Authority:
        """The mesh's certificate authority, created on first use by exactly one replica.

        Raises bus.BusUnavailable, sealing.CannotOpen.
        """
        return await self._authorities.of_mesh(workspace, mesh, documents.now())

    def bootstrap(self, state: DesiredState, workload: str) -> dict[str, object]:
        """The bootstrap of the Envoy beside a workload.

        Raises KeyError when the workload is not enrolled.
        """
        member = state.workloads[workload]
        places = self._addresses(member.spec.sidecar == "managed")
        return bootstraps.bootstrap(state.node(workload), service=member.spec.service, control_planes=places)

    async def files(self, state: DesiredState, workload: str) -> dict[str, bytes]:
        """The files beside that bootstrap, by name: new credentials of this sidecar for the control plane.

        Raises bus.BusUnavailable, sealing.CannotOpen.
        """
        authority = await self.authority(state.workspace, state.mesh)
        holder = Holder(node=state.node(workload), incarnation=authority.id)
        return self._credentials.files(holder, documents.now())

    async def start_sidecar(self, state: DesiredState, workload: str) -> None:
        """Run the sidecar of a workload on this host.

        Raises FleetError, bus.BusUnavailable.
        """
        node = str(state.node(workload))
        await self.fleet.ensure(node, self.bootstrap(state, workload), await self.files(state, workload))
        self._renew_at[node] = documents.now() + credentials.LIFE * 2 / 3

    async def invite(self, state: DesiredState, workload: str) -> bytes:
        """An invitation with which the sidecar of a workload on another host joins, once; the former one becomes
        invalid.

        Raises bus.BusUnavailable, sealing.CannotOpen.
        """
        node, authority = state.node(workload), await self.authority(state.workspace, state.mesh)
        holder = Holder(node=node, incarnation=authority.id, invitation=await self._invitations.give(node))
        files = self._credentials.files(holder, documents.now())
        return joining.encode(joining.Start(self.bootstrap(state, workload), files))

    def mesh(self, state: DesiredState) -> Mesh:
        """The present document of a mesh."""
        return documents.mesh(state, lambda name: self._statuses.status(state.node(name)), documents.now())

    def report(self, state: DesiredState) -> None:
        """Publish the status of every proxy of a mesh, also of those that never connected."""
        for name in state.workloads:
            self._reporter.changed(state.node(name))

    async def tell(self, nodes: Collection[NodeId]) -> None:
        """Publish the status of these proxies now, before it is superseded.

        Raises bus.BusUnavailable.
        """
        for node in nodes:
            await self._tell_proxy(node)

    async def forget(self, node: NodeId) -> None:
        """Remove a withdrawn proxy.

        Raises bus.BusUnavailable.
        """
        self._statuses.forget(node)
        self._told.pop(str(node), None)
        await self.buckets.proxies.delete(str(node))

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        remembered = self.runtime.data_dir / "xds-port"
        remembered.parent.mkdir(parents=True, exist_ok=True)
        with remembered.open("a+") as held:  # for the life of this worker
            wanted = self.options.xds_port or await in_thread(self._choose_port, remembered, held)
            secured = self._credentials.server(documents.now())
            async with self._server.serve(f"{self.options.xds_host}:{wanted}", secured) as port:
                self._port = port
                remembered.write_text(str(port))
                yield

    def _choose_port(self, remembered: Path, held: IO[str]) -> int:
        """The former port; another one when another process has it now, to which sidecars are then moved.

        While another worker of this folder runs the port belongs to that one, and is not changed.
        """
        port, host = _read_port(remembered), self.options.xds_host
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            registry = ports.Registry()
            if not port or not ports.bindable(port, host) or registry.claim([port], owner=remembered):
                first = self.options.first_port - 100
                (port,) = registry.reserve(1, first, owner=remembered, host=host)
        return port

    async def _hold_ports(self) -> None:
        """Reserve on this host the ports that sidecars have, which another program may have chosen while no worker
        ran.
        """
        members = [member for state in self.states() for member in state.workloads.values()]
        try:
            foreign = await in_thread(self.reservations.claim, members)
        except OSError as error:
            _log.warning("the ports of sidecars could not be reserved on this host: %s", error)
        else:
            if foreign:
                _log.warning("another program of this host has reserved ports of sidecars: %s", sorted(foreign))

    def _addresses(self, local: bool) -> list[tuple[str, int]]:
        advertised = [each for each in self.options.xds_advertise.split(",") if each]
        if local or not advertised:
            host = self.options.xds_host
            return [("127.0.0.1" if host in ("0.0.0.0", "::") else host, self._port)]  # noqa: S104 - compared only
        pairs = (each.rpartition(":") for each in advertised)
        return [(host, int(port)) for host, _, port in pairs]

    def _is_member(self, holder: Holder) -> bool:
        """Whether this is a proxy of a mesh as it is now."""
        state, secrets = self._states.get(holder.node.key), self._secrets.get(holder.node.key)
        if state is None or secrets is None or holder.invitation:
            return False
        return holder.node.workload in state.workloads and holder.incarnation == secrets.authority.id

    async def _admit(self, holder: Holder) -> bytes | None:
        """The start files of this holder's remote sidecar; a proxy that has joined may request them again."""
        member = msgspec.structs.replace(holder, invitation="")
        state = self._states.get(holder.node.key)
        if state is None or not self._is_member(member):
            return None
        if state.workloads[holder.node.workload].spec.sidecar != "remote":
            return None
        if holder.invitation and not await self._invitations.spend(holder.node, holder.invitation):
            return None
        start = joining.Start(
            self.bootstrap(state, holder.node.workload), self._credentials.files(member, documents.now())
        )
        return joining.encode(start)

    def _certificates(self, node: NodeId) -> Secrets:
        secrets, state = self._secrets.get(node.key), self._states.get(node.key)
        if secrets is None or state is None:
            return Secrets()
        return Secrets(secrets.of(state, node.workload, documents.now()), secrets.authority.stage)

    def _hear(self, node: NodeId, status: ProxyStatus) -> None:
        secrets = self._secrets.get(node.key)
        facts = secrets.facts(node.workload) if secrets else None
        known = msgspec.structs.replace(status, replica=self.runtime.instance, certificate=facts)
        self._statuses.heard_here(node, known)

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
            # Requested each time: a mesh may have been created again, with another authority, since the last check.
            # And for as long as the bus is unavailable: a state that was not applied is not delivered again.
            authority = await until_available(self.authority, state.workspace, state.mesh, pause=_BUS_SECONDS)
            if key not in self._secrets or self._secrets[key].authority != authority:
                self._secrets[key] = MeshSecrets(authority)
            snapshot = compiler.compile_mesh(state)
            for each in native.refused(state.native_resources()):
                _log.warning(
                    "a native resource of %s reaches no proxy: %s %s is not admitted", key, each.type, each.name
                )
            await asyncio.to_thread(self._server.encoder.warm, snapshot)
            self._states[key], self._snapshots[key] = state, snapshot
            self._server.publish(key, snapshot)
        except Exception:  # a faulty mesh must not end the service of the others
            _log.exception("the desired state of %s cannot be served; its proxies keep what they have", key)

    def _drop(self, key: str) -> None:
        self._server.forget(key)
        for known in (self._states, self._snapshots, self._secrets, self._stages):
            known.pop(key, None)

    async def _follow_authorities(self) -> None:
        async with self.buckets.secrets.watch() as changes:
            async for change in changes:
                if change.entry is not None and change.key in self._snapshots:
                    await self._take_authority(change.key)

    async def _take_authority(self, key: str) -> None:
        state = self._states[key]
        try:
            authority = await until_available(self.authority, state.workspace, state.mesh, pause=_BUS_SECONDS)
        except sealing.CannotOpen as error:
            _log.error("%s", error)
            return
        if key in self._snapshots and self._secrets[key].authority != authority:
            self._secrets[key] = MeshSecrets(authority)
            self._server.publish(key, self._snapshots[key])

    async def _replace_authorities(self) -> None:
        """Advance replacements of authorities, stage by stage, as soon as the proxies have the present one."""
        while True:
            await asyncio.sleep(_STAGE_SECONDS)
            for key, secrets in list(self._secrets.items()):
                if secrets.authority.former is not None and self._is_ripe(key, secrets.authority.stage):
                    _log.info(
                        "the certificate authority of %s, whose key was stored unencrypted, is being replaced", key
                    )
                    with contextlib.suppress(BusUnavailable, sealing.CannotOpen):
                        await self._authorities.advance(key, secrets.authority)

    def _is_ripe(self, key: str, stage: str) -> bool:
        """Whether every proxy of the mesh has what this stage gives; an absent one is waited for only a limited
        time.
        """
        now = asyncio.get_running_loop().time()
        seen = self._stages.get(key)
        if seen is None or seen[0] != stage:
            seen = self._stages[key] = (stage, now)
        state = self._states.get(key)
        if state is None:
            return False
        words = [self._statuses.status(state.node(name)) for name in state.workloads]
        return all(each.stage == stage for each in words) or now - seen[1] > _STAGE_AT_MOST_SECONDS

    async def _follow_proxies(self) -> None:
        async with self.buckets.proxies.watch() as changes:
            async for change in changes:
                with contextlib.suppress(ValueError):
                    node = identity.parse(change.key)
                    if change.entry is not None:
                        status = msgspec.json.decode(change.entry.value, type=ProxyStatus)
                        self._statuses.heard_elsewhere(node, status)

    async def _renew(self) -> None:
        while True:
            for state in self.states():
                for name, member in state.workloads.items():
                    if member.spec.sidecar == "managed":
                        await self._renew_sidecar(state, name)
            await asyncio.sleep(_RENEWAL_SECONDS)
            for key, secrets in list(self._secrets.items()):
                if key in self._snapshots and secrets.renewals_due(documents.now()):
                    self._server.publish(key, self._snapshots[key])
                    secrets.drop_overdue(documents.now())

    async def _renew_sidecar(self, state: DesiredState, workload: str) -> None:
        """Renew the credentials of a sidecar on this host; at first also its bootstrap from this version."""
        node, now = str(state.node(workload)), documents.now()
        if now < self._renew_at.get(node, now):
            return
        try:
            files = await until_available(self.files, state, workload, pause=_BUS_SECONDS)
            await self.fleet.renew(node, self.bootstrap(state, workload), files)
            self._renew_at[node] = now + credentials.LIFE * 2 / 3
        except (FleetError, OSError, sealing.CannotOpen) as error:  # it is retried, and the others continue
            _log.error("the sidecar %s could not be renewed: %s", node, error)

    async def _tell_proxy(self, node: NodeId) -> None:
        state, status = self._states.get(node.key), self._statuses.status(node)
        member = state.workloads.get(node.workload) if state else None
        if state is None or member is None:
            return
        if status.state == "disconnected" and await self._is_elsewhere(node):
            return
        if status.replica == self.runtime.instance:
            await self.buckets.proxies.put(str(node), msgspec.json.encode(status))
        message = ProxyObserved(proxy=documents.proxy(state, member, status, statuses.EPOCH))
        if self._told.get(str(node)) != message:
            observed = ProxyObserved(proxy=msgspec.structs.replace(message.proxy, observed_at=documents.now()))
            await self.runtime.emit(node.workspace, observed.proxy.id, observed)
            self._told[str(node)] = message

    async def _is_elsewhere(self, node: NodeId) -> bool:
        """Whether another replica has taken the proxy over; then this one must not report it as disconnected."""
        entry = await self.buckets.proxies.get(str(node))
        if entry is None:
            return False
        recorded = msgspec.json.decode(entry.value, type=ProxyStatus)
        self._statuses.heard_elsewhere(node, recorded)
        return recorded.replica != self.runtime.instance and recorded.state != "disconnected"

    async def _tell_mesh(self, key: str) -> None:
        state = self._states.get(key)
        if state is None:
            return
        plain = msgspec.structs.replace(self.mesh(state), observed_at=statuses.EPOCH)
        if self._told.get(key) != MeshObserved(mesh=plain):
            observed = msgspec.structs.replace(plain, observed_at=documents.now())
            await self.runtime.emit(state.workspace, state.mesh, MeshObserved(mesh=observed))
            self._told[key] = MeshObserved(mesh=plain)


def _read_port(remembered: Path) -> int:
    try:
        return int(remembered.read_text())
    except (OSError, ValueError):
        return 0
