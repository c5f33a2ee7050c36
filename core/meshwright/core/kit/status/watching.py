"""Reading the status of every mesh of an adapter now and then.

Problem: control planes that tell nobody of their proxies have to be asked, and asking costs them. Invariant: a mesh is
read at most every `every` seconds, and at most a tenth of the time goes into reading it; one that does not answer holds
up no other, and is told as unknown with the reason. While an operation of the mesh is open it is left alone.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.status.publishing import MeshStatus, Publications, Published, StatusReader
from meshwright.core.kit.target import MeshRef, Scope
from meshwright.core.operations.outcomes import Outcome, as_failure
from meshwright.schemas.meshes import Condition

Idle = Callable[[MeshRef], Awaitable[bool]]
_LONGEST_S = 60.0
"""so long may reading one mesh take"""
_AT_ONCE = 4
"""meshes that are read at the same time"""
_SHARE = 10
"""a mesh whose reading takes a second is left alone for so many"""
UNREAD = "StatusRead"
log = logging.getLogger(__name__)


class StatusWatch:
    """Looks at the meshes of one adapter. `idle` says whether no operation of a mesh is open. For the host."""

    def __init__(self, reader: StatusReader, runtime: Runtime, service: object, idle: Idle, every: float) -> None:
        self._reader = reader
        self._runtime = runtime
        self._service = service
        self._idle = idle
        self._every = every
        self._due: dict[MeshRef, float] = {}

    async def look(self) -> None:
        """Look once at each mesh whose time has come. Raises bus.BusUnavailable."""
        publications = await Publications.open(self._runtime)
        meshes = await publications.meshes()
        self._due = {each: self._due.get(each, 0.0) for each in meshes}
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(mesh: MeshRef) -> None:
            async with slots:
                await self._look_at(mesh, publications)

        due = [each for each in meshes if self._due[each] <= time.monotonic()]
        results = await asyncio.gather(*(one(each) for each in due), return_exceptions=True)
        for error in (each for each in results if isinstance(each, BaseException)):
            raise error

    async def _look_at(self, mesh: MeshRef, publications: Publications) -> None:
        if not await self._idle(mesh):
            return
        began = time.monotonic()
        status = await self._read(mesh, publications)
        now = time.monotonic()
        self._due[mesh] = now + max(self._every, _SHARE * (now - began))
        # What an operation has begun meanwhile is told by the operation, and a mesh that it has removed stays so.
        if status is None or not await self._idle(mesh) or await publications.of(mesh) is None:
            return
        if events := await publications.publish(mesh, status):
            log.debug("mesh %s: %d events", mesh.mesh, events)

    async def _read(self, mesh: MeshRef, publications: Publications) -> MeshStatus | None:
        try:
            async with asyncio.timeout(_LONGEST_S):
                return await self._reader(Scope(self._runtime, self._service, mesh))
        except Outcome as error:
            reason = as_failure(error).what
        except TimeoutError:
            reason = f"reading it took longer than {_LONGEST_S:g} s"
        except Exception:
            log.exception("the status of %s cannot be read", mesh.mesh)  # a defect of an adapter ends no worker
            return None
        return unread(await publications.of(mesh), reason)


def unread(published: Published | None, reason: str) -> MeshStatus | None:
    """A mesh that cannot be read now: as it was told, and unknown."""
    if published is None or published.mesh is None:
        return None
    others = [each for each in published.mesh.conditions if each.type != UNREAD]
    detail = f"{reason}; what follows is how it was before"
    condition = Condition(type=UNREAD, status="False", reason="NoAnswer", message=detail[:2000])
    mesh = msgspec.structs.replace(published.mesh, state="unknown", conditions=[condition, *others])
    return MeshStatus(mesh=mesh, complete=False)
