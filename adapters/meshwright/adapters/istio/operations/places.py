"""What every operation of this adapter starts with: the mesh, its cluster, its target, its record.

Invariant: all of it is as the connection is now; nothing is kept from one operation to the next.
"""

import datetime
from typing import Any

import msgspec

from meshwright.adapters.istio.charts.components import Components
from meshwright.adapters.istio.charts.installation import Installation, Installations
from meshwright.adapters.istio.charts.profiles import DEFAULT_TRUST_DOMAIN, shown
from meshwright.adapters.istio.operations import control_planes
from meshwright.adapters.istio.options import Options
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.meshes import Condition, Mesh, MeshState


class InstallationTarget(k8s.KubernetesTarget):
    """Where the objects of an installation live; the mesh itself may not be there yet."""


class Place(msgspec.Struct, frozen=True):
    """One mesh as an operation sees it."""

    ctx: kit.Context
    mesh: kit.MeshRef
    target: InstallationTarget
    components: Components
    records: Installations

    @classmethod
    async def open(cls, ctx: kit.Context) -> "Place":
        """The place of an operation. Raises bus.BusUnavailable."""
        mesh = kit.MeshRef.of(ctx.command)
        target = InstallationTarget(kit.Scope(ctx.runtime, ctx.service(object), mesh))
        components = await Components.open(ctx, target)
        return cls(ctx, mesh, target, components, await Installations.open(ctx.runtime))

    @property
    def options(self) -> Options:
        """The settings of this worker."""
        return self.ctx.settings(Options)

    async def cluster(self) -> k8s.Cluster:
        """The cluster, by its connection as it is now. Raises Reject."""
        return await self.target.cluster()

    async def record(self) -> Installation | None:
        """What this operation found installed when it began, whatever it has written since."""

        async def read() -> Installation | None:
            return await self.records.get(self.mesh)

        return await self.ctx.patient_step("read-record", read, result=Installation | None)

    async def write(self, new: Installation | None, before: Installation | None) -> None:
        """Write the record, as a step that can be taken back."""

        async def written() -> None:
            await self.records.put(self.mesh, new)

        async def unwritten() -> None:
            await self.records.put(self.mesh, before)

        await self.ctx.patient_step("record", written, undo=unwritten)

    async def tell(self, record: Installation, state: MeshState, notes: list[str]) -> None:
        """Publish the mesh as it is now."""

        async def report() -> None:
            planes = await control_planes.control_planes(await self.cluster())
            there = [each for each in planes if each.namespace == record.namespace]
            conditions = [
                Condition(type="ControlPlaneReady", status="True" if all(p.ready for p in there) else "False",
                          reason="AsObserved", message=", ".join(f"{p.revision} {p.version}" for p in there)),
                *(Condition(type="Noted", status="True", reason="Precheck", message=note[:2000]) for note in notes),
            ]  # fmt: skip
            mesh = Mesh(
                id=self.mesh.mesh,
                kind="istio",
                connection=self.mesh.connection,
                adapter=self.ctx.command.adapter,
                version=record.version,
                namespace=record.namespace,
                revisions=[shown(each) for each in record.revisions],
                installer=record.installer,
                state=state,
                trust_domain=record.trust_domain or DEFAULT_TRUST_DOMAIN,
                conditions=conditions,
                observed_at=datetime.datetime.now(datetime.UTC),
            )
            await kit.tell_mesh(self.ctx.runtime, self.mesh, mesh)

        await self.ctx.patient_step("tell", report)


def outcome(record: Installation, notes: list[str], **more: Any) -> dict[str, Any]:
    """The result of an operation, for people and programs."""
    return {
        "version": record.version,
        "revision": record.revision,
        "profile": record.profile,
        "namespace": record.namespace,
        "components": [
            {"chart": each.chart, "release": each.release, "version": each.version, "digest": each.digest,
             "objects": len(each.inventory)}
            for each in record.components
        ],
        "notes": notes,
        **more,
    }  # fmt: skip
