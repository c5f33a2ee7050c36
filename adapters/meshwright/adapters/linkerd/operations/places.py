"""A Linkerd as its operations see it: its secrets, and what is told of it."""

from typing import Any

from meshwright.adapters.linkerd import status
from meshwright.adapters.linkerd.installation import charts
from meshwright.adapters.linkerd.installation.options import Options
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
        """Those of the issuer and of the servers of webhooks."""
        return charts.secrets(namespace, authority)

    async def tell(self, record: Installation, notes: list[str]) -> None:
        """Publish the mesh as it is now."""

        async def report() -> dict[str, int]:
            plane = status.own(await status.detect(await self.cluster()), record)
            checks = plane.checks if plane else []
            mesh = status.observed(self.mesh, self.ctx.command.adapter, plane, record, checks, [], [])
            noted = [Condition(type="Noted", status="True", reason="Checked", message=each[:2000]) for each in notes]
            mesh.conditions.extend(noted)
            await kit.tell_mesh(self.ctx.runtime, self.mesh, mesh)
            return {}

        await self.publish(report)


def outcome(record: Installation, authority: Authority, notes: list[str], **more: Any) -> dict[str, Any]:
    """The result of an operation, for people and programs."""
    return {
        "version": record.version,
        "namespace": record.namespace,
        "components": record.told,
        "anchors": [authorities.end_of(each.certificate).isoformat() for each in authority.anchors],
        "issuer": authorities.end_of(authority.issuer.certificate).isoformat(),
        "notes": notes,
        **more,
    }
