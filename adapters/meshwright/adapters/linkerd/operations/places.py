"""A Linkerd as its operations see it: its certificates, its secrets, and what is told of it.

Invariant: a secret is written as this mesh alone, from the authority as it is stored; what an operation has changed of
either is taken back with it.
"""

import datetime
import functools
from collections.abc import Callable
from typing import Any

from meshwright.adapters.linkerd import status
from meshwright.adapters.linkerd.installation import charts
from meshwright.adapters.linkerd.installation.charts import InstallSpec
from meshwright.adapters.linkerd.installation.options import Options
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing import authorities, places
from meshwright.core.kit.kubernetes.installing.authorities import Authorities, Authority
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.meshes import Condition

Change = Callable[[Authority | None], Authority]


class Place(places.Place, frozen=True):
    """One mesh as an operation sees it."""

    @property
    def options(self) -> Options:
        """The settings of this worker."""
        return self.ctx.settings(Options)

    @property
    def operation(self) -> str:
        """The operation that it is seen by."""
        return self.ctx.command.operation

    async def authority(self, change: Change) -> Authority:
        """The certificates as this operation leaves them, stored as a step. Raises what `change` raises."""
        kept = await Authorities.open(self.ctx.runtime)

        async def changed() -> None:
            if not await kept.written(self.mesh, self.operation):
                before = await kept.get(self.mesh)
                after = change(before)
                if after != before:
                    await kept.write(self.mesh, after, self.operation)

        async def unchanged() -> None:
            await kept.take_back(self.mesh, self.operation)

        await self.ctx.patient_step("certificates", changed, undo=unchanged)
        result = await kept.get(self.mesh)
        assert result is not None  # the step before has stored it
        return result

    async def forget_authority(self) -> None:
        """Forget the certificates, as a step."""
        kept = await Authorities.open(self.ctx.runtime)
        await self.ctx.patient_step(
            "forget-certificates",
            functools.partial(kept.forget, self.mesh, self.operation),
            undo=functools.partial(kept.take_back, self.mesh, self.operation),
        )

    async def write_secrets(self, namespace: str) -> None:
        """Bring the secrets that the chart finds there, as a step."""

        async def unput() -> None:
            """The step of the certificates is undone after this one, so that they are taken back here already."""
            if self.record is None:
                await self.delete_secrets(namespace)
            else:
                await (await Authorities.open(self.ctx.runtime)).take_back(self.mesh, self.operation)
                await self.put_secrets(namespace)

        await self.ctx.patient_step("secrets", functools.partial(self.put_secrets, namespace), undo=unput)

    async def put_secrets(self, namespace: str) -> None:
        """Write the secrets of the certificates as they are stored."""
        authority = await (await Authorities.open(self.ctx.runtime)).get(self.mesh)
        cluster, owner = await self.cluster(), k8s.manager_of(self.mesh, "certificates")
        for body in charts.secrets(namespace, authority) if authority else []:
            await cluster.apply(body, owner=owner)

    async def delete_secrets(self, namespace: str) -> None:
        """Remove them, those alone that this mesh has written."""
        cluster = await self.cluster()
        kept = await Authorities.open(self.ctx.runtime)
        authority = await kept.get(self.mesh)
        owner = k8s.manager_of(self.mesh, "certificates")
        for body in charts.secrets(namespace, authority) if authority else []:
            live = await cluster.find(k8s.reference_of(body))
            managers = {str(each.get("manager")) for each in k8s.at(live, "metadata", "managedFields") or []}
            if live and owner in managers:
                await cluster.delete(k8s.reference_of(body), uid=str(live["metadata"]["uid"]))

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


def new(spec: InstallSpec) -> Change:
    """The certificates that are there, or else new ones."""
    return lambda there: there or authorities.created(spec.names, datetime.datetime.now(datetime.UTC))


def outcome(record: Installation, authority: Authority, notes: list[str], **more: Any) -> dict[str, Any]:
    """The result of an operation, for people and programs."""
    return {
        "version": record.version,
        "namespace": record.namespace,
        "components": [
            {"chart": each.chart, "release": each.release, "version": each.version, "digest": each.digest,
             "objects": len(each.inventory)}
            for each in record.components
        ],
        "anchors": [authorities.end_of(each.certificate).isoformat() for each in authority.anchors],
        "issuer": authorities.end_of(authority.issuer.certificate).isoformat(),
        "notes": notes,
        **more,
    }  # fmt: skip
