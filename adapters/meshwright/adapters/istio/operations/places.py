"""An Istio as its operations see it, and what they tell of it.

Invariant: what is told is read from the cluster when it is told.
"""

import datetime
from typing import Any

from meshwright.adapters.istio.charts.profiles import DEFAULT_TRUST_DOMAIN, revisions, shown
from meshwright.adapters.istio.operations import control_planes
from meshwright.adapters.istio.options import Options
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing import places
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.meshes import Condition, Mesh, MeshState


class Place(places.Place, frozen=True):
    """One mesh as an operation sees it."""

    @property
    def options(self) -> Options:
        """The settings of this worker."""
        return self.ctx.settings(Options)

    async def tell(self, record: Installation, state: MeshState, notes: list[str]) -> None:
        """Publish the mesh as it is now."""

        async def report() -> dict[str, int]:
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
                revisions=[shown(each) for each in revisions(record)],
                installer=record.installer,
                state=state,
                trust_domain=record.trust_domain or DEFAULT_TRUST_DOMAIN,
                conditions=conditions,
                observed_at=datetime.datetime.now(datetime.UTC),
            )
            await kit.tell_mesh(self.ctx.runtime, self.mesh, mesh)
            return {}

        await self.publish(report)


def outcome(record: Installation, notes: list[str], **more: Any) -> dict[str, Any]:
    """The result of an operation, for people and programs."""
    return {
        "version": record.version,
        "revision": record.revision,
        "profile": record.profile,
        "namespace": record.namespace,
        "components": record.told,
        "notes": notes,
        **more,
    }
