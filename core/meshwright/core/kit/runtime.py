"""What an adapter may use of its process: settings, buckets, leases, telling facts, measuring, sealing, a directory.

Invariant: an adapter reaches the bus only through this, under its own origin; its settings are read once per process.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import settings
from meshwright.core.bus.kv import leases
from meshwright.core.kit.connections import Connections, OpenConnection
from meshwright.core.security import sealing
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.telemetry import EdgesMeasured

C = TypeVar("C", bound=msgspec.Struct)


class OwnServers(msgspec.Struct, frozen=True, kw_only=True):
    """Where Meshwright's own servers are, as this worker was told: no workload of a mesh may stand for them."""

    nats_url: str = settings.Settings().nats_url
    mongodb_url: str = settings.Settings().mongodb_url
    api_host: str = "127.0.0.1"
    api_port: int = 8410


class Runtime:
    """One running adapter worker. `instance` is unique per process; `data_dir` may be lost without harm."""

    def __init__(
        self,
        connection: mwbus.Connection,
        adapter: str,
        instance: str,
        data_dir: Path,
        sealer: sealing.Sealer | None = None,
        *,
        servers: OwnServers | None = None,
        connections: Connections | None = None,
        environ: dict[str, str] | None = None,
    ) -> None:
        """`environ` is where settings are read from; by default it is the environment of the process."""
        self._bus = connection
        self._sealer = sealer
        self._environ = environ
        self._settings: dict[type[msgspec.Struct], Any] = {}
        self._buckets: dict[str, mwbus.Bucket] = {}
        self.adapter = adapter
        self.instance = instance
        self.data_dir = data_dir
        self.servers = servers or OwnServers()
        self.connections = connections or Connections(connection, (), sealer)

    def settings(self, kind: type[C]) -> C:
        """The adapter's settings, read once from `MESHWRIGHT_<ADAPTER>_<FIELD>` (a dash of its name is a `_` there).

        Every field of `kind` needs a default. Raises InvalidSettings naming every bad variable.
        """
        if kind not in self._settings:
            self._settings[kind] = settings.load(kind, self._environ, prefix=settings.prefix_of(self.adapter))
        return cast("C", self._settings[kind])

    @property
    def sealer(self) -> sealing.Sealer:
        """Seals secrets before they reach the bus. Raises sealing.NoKeyFile when the worker was given no key."""
        if self._sealer is None:
            raise sealing.NoKeyFile
        return self._sealer

    async def connection(self, workspace: str, connection: str) -> OpenConnection[Any]:
        """A connection of a kind that the adapter serves, as it is now, with opened credentials.

        Raises Reject when it is not there or not to be used, BusUnavailable.
        """
        return await self.connections.get(workspace, connection)

    async def bucket(self, name: str) -> mwbus.Bucket:
        """The adapter's bucket of that name, shared by all its workers. Raises BusUnavailable."""
        if name not in self._buckets:  # opening one asks the server, and operations and previews want the same ones
            own = subjects.ADAPTERS_OWN.name.format(adapter=self.adapter)
            self._buckets[name] = await mwbus.open_bucket(self._bus, own, prefix=f"{name}.")
        return self._buckets[name]

    async def lease(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` in one of the adapter's workers at a time; returns when it returns, and waits as long as it takes.

        When its holder dies another worker begins within seconds; `work` is cancelled when the lease is lost, and
        begun again when it is ours again. A lease chooses and does not fence: for a moment two may be at work.
        Raises ValueError for a name other than letters, digits, - and _, BusUnavailable, and what `work` raises.
        """
        if not subjects.TOKEN.match(name):
            raise ValueError(f"{name!r} cannot name a lease: letters, digits, - and _ only")
        await leases.hold(self._bus, subjects.ADAPTER_LEASE.format(adapter=self.adapter) + name, self.instance, work)

    async def emit(self, workspace: str, entity_id: str, message: Message) -> int:
        """Tell a fact about an entity; returns its sequence in EVENTS. Raises BusUnavailable."""
        subject = subjects.fill(
            subjects.EVENTS,
            workspace=workspace,
            origin=self.adapter,
            entity=message.wire.entity,
            id=entity_id,
        )
        about = f"{message.wire.collection}/{entity_id}"
        return (await self._bus.publisher.publish(subject, message, about=about, timeout=30.0)).seq

    async def measure(self, workspace: str, message: EdgesMeasured) -> None:
        """Publish the measurements of one window. Raises BusUnavailable."""
        subject = subjects.fill(subjects.METRICS, workspace=workspace, origin=self.adapter, mesh=message.mesh)
        await self._bus.publisher.publish(subject, message, about=f"meshes/{message.mesh}")
