"""What a worker of the Istio adapter has published of a mesh and its proxies."""

from meshwright.core import bus as mwbus
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.meshes import MeshObserved
from meshwright.schemas.workloads import Proxy, ProxyObserved, ProxyRemoved


class Published:
    """The newest events on a mesh and its proxies."""

    def __init__(self, bus: mwbus.Connection, name: str = "prod") -> None:
        self._bus = bus
        self._name = name

    async def proxy(self, name: str) -> Proxy | None:
        """The newest observation of a proxy; None when there is none, or it is gone."""
        last = await self._last("proxy", name)
        return last.proxy if isinstance(last, ProxyObserved) else None

    async def is_removed(self, name: str) -> bool:
        """Whether the newest event on a proxy is that it is gone."""
        return isinstance(await self._last("proxy", name), ProxyRemoved)

    async def shown(self, name: str) -> tuple[str, str, str, str]:
        """What a proxy is for, its workload, what serves it, its version."""
        one = await self.proxy(name)
        assert one is not None
        workload = "~".join((one.workload or "").split("~")[2:])
        return one.mode, workload, one.control_plane.partition("-")[0], one.version

    async def mesh(self) -> Message | None:
        """The newest event on the mesh."""
        return await self._last("mesh", self._name)

    async def conditions(self) -> dict[str, str]:
        """The messages of the mesh's conditions by their types."""
        last = await self.mesh()
        assert isinstance(last, MeshObserved)
        return {each.type: each.message for each in last.mesh.conditions}

    async def _last(self, entity: str, name: str) -> Message | None:
        subject = subjects.fill(subjects.EVENTS, workspace="default", origin="istio", entity=entity, id=name)
        received = await self._bus.last("EVENTS", subject)
        return received.message() if received else None
