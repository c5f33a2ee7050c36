"""A Kuma as its operations see it: its secret, and what is told of it."""

from typing import Any

from meshwright.adapters.kuma import status
from meshwright.adapters.kuma.installation import charts
from meshwright.adapters.kuma.installation.options import Options
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing import authorities
from meshwright.core.kit.kubernetes.installing.authorities import Authority
from meshwright.core.kit.kubernetes.installing.certified import CertifiedPlace
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.meshes import Condition


class Place(CertifiedPlace, frozen=True):
    """One mesh as an operation sees it."""

    @property
    def options(self) -> Options:
        """The settings of this worker."""
        return self.ctx.settings(Options)

    def secrets(self, namespace: str, authority: Authority) -> list[dict[str, Any]]:
        """That of the control plane's servers."""
        return charts.secrets(namespace, authority)

    async def tell(self, record: Installation, notes: list[str]) -> None:
        """Publish the mesh as it is now."""

        async def report() -> dict[str, int]:
            plane = status.own(await status.detect(await self.cluster()), record)
            told = plane.conditions if plane else []
            mesh = status.observed(self.mesh, self.ctx.command.adapter, plane, record, told, [], [])
            noted = [Condition(type="Noted", status="True", reason="Checked", message=each[:2000]) for each in notes]
            mesh.conditions.extend(noted)
            await kit.tell_mesh(self.ctx.runtime, self.mesh, mesh)
            return {}

        await self.publish(report)


def outcome(record: Installation, authority: Authority, notes: list[str], changes: int) -> dict[str, Any]:
    """The result of an operation, for people and programs."""
    return {
        "version": record.version,
        "namespace": record.namespace,
        "components": record.told,
        "certificate": authorities.end_of(authority.servers[charts.SECRET].certificate).isoformat(),
        "notes": notes,
        "changes": changes,
        "unchanged": not changes,
    }
