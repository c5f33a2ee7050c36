"""What an adapter may use of its process: buckets, telling facts, measuring, sealing, a directory of its own.

Invariant: an adapter reaches the bus only through this, under its own origin.
"""

from pathlib import Path

from meshwright.core import bus as mwbus
from meshwright.core.security import sealing
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.telemetry import EdgesMeasured


class Runtime:
    """One running adapter worker. `instance` is unique per process; `data_dir` may be lost without harm."""

    def __init__(
        self,
        connection: mwbus.Connection,
        adapter: str,
        instance: str,
        data_dir: Path,
        sealer: sealing.Sealer | None = None,
    ) -> None:
        self._bus = connection
        self._sealer = sealer
        self.adapter = adapter
        self.instance = instance
        self.data_dir = data_dir

    @property
    def sealer(self) -> sealing.Sealer:
        """Seals secrets before they reach the bus. Raises sealing.NoKeyFile when the worker was given no key."""
        if self._sealer is None:
            raise sealing.NoKeyFile
        return self._sealer

    async def bucket(self, name: str) -> mwbus.Bucket:
        """The adapter's bucket of that name, shared by all its workers. Raises BusUnavailable."""
        return await mwbus.open_bucket(
            self._bus, subjects.ADAPTERS_OWN.name.format(adapter=self.adapter), prefix=f"{name}."
        )

    async def emit(self, workspace: str, entity_id: str, message: Message) -> int:
        """Tell a fact about an entity; returns its sequence in EVENTS. Raises BusUnavailable."""
        subject = subjects.fill(
            subjects.EVENTS,
            workspace=workspace,
            origin=self.adapter,
            entity=message.wire.entity,
            id=entity_id,
        )
        about = f"{message.wire.entity}s/{entity_id}"
        return (await self._bus.publisher.publish(subject, message, about=about, timeout=30.0)).seq

    async def measure(self, workspace: str, message: EdgesMeasured) -> None:
        """Publish the measurements of one window. Raises BusUnavailable."""
        subject = subjects.fill(subjects.METRICS, workspace=workspace, origin=self.adapter, mesh=message.mesh)
        await self._bus.publisher.publish(subject, message, about=f"meshes/{message.mesh}")
