"""What every operation on an installation starts with: the mesh, its cluster, its target, its record.

Invariant: all of it is as the connection is now; nothing is kept from one operation to the next.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Self

import msgspec

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.components import Components
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import Mesh


class InstallationTarget(k8s.KubernetesTarget):
    """Where the objects of an installation live; the mesh itself may not be there yet."""


class Origin(Model, frozen=True, kw_only=True):
    """What an operation begins with."""

    cluster: str
    """its identity; empty where we may not know it"""
    recorded: Installation | None
    told: Mesh | None = None
    """the mesh as it was published"""


class Place(msgspec.Struct, frozen=True):
    """One mesh as an operation sees it."""

    ctx: kit.Context
    mesh: kit.MeshRef
    target: InstallationTarget
    components: Components
    records: Installations
    origin: Origin
    """as this operation found it when it began, whatever it has written since"""

    @classmethod
    async def open(cls, ctx: kit.Context) -> Self:
        """The place of an operation: its first step. Raises bus.BusUnavailable, what steps raise."""
        mesh = kit.MeshRef.of(ctx.command)
        target = InstallationTarget(kit.Scope(ctx.runtime, ctx.service(object), mesh))
        records = await Installations.open(ctx.runtime)

        async def read() -> Origin:
            return Origin(
                cluster=await (await target.cluster()).identity(),
                recorded=await records.get(mesh),
                told=await kit.told_mesh(ctx.runtime, mesh),
            )

        origin = await ctx.patient_step("identify-cluster", read, result=Origin)
        target.expect(origin.cluster)
        place = cls(ctx, mesh, target, await Components.open(ctx, target), records, origin)
        if origin.recorded and not place.record:
            await ctx.progress(f"mesh {mesh.mesh} was installed in another cluster: here it counts as not installed")
        return place

    async def cluster(self) -> k8s.Cluster:
        """The cluster, by its connection as it is now. Raises Reject."""
        return await self.target.cluster()

    @property
    def record(self) -> Installation | None:
        """What was installed in this cluster when the operation began."""
        recorded = self.origin.recorded
        return recorded if recorded and recorded.is_in(self.origin.cluster) else None

    async def write(self, new: Installation | None) -> None:
        """Write the record, as a step that can be taken back."""

        async def written() -> None:
            placed = new and msgspec.structs.replace(new, cluster=self.origin.cluster)
            await self.records.put(self.mesh, placed)

        async def unwritten() -> None:
            await self.records.put(self.mesh, self.origin.recorded)

        await self.ctx.patient_step("record", written, undo=unwritten)

    async def publish(self, report: Callable[[], Coroutine[Any, Any, dict[str, int]]]) -> dict[str, int]:
        """Publish what the operation has made of the mesh, as a step; taken back, it is told as it was before."""

        async def unpublished() -> None:
            if self.origin.told:
                await kit.tell_mesh(self.ctx.runtime, self.mesh, self.origin.told)
            else:
                await kit.forget_mesh(self.ctx.runtime, self.mesh)

        told: dict[str, int] = await self.ctx.patient_step("tell", report, undo=unpublished, result=dict[str, int])
        return told
