"""A mesh that is installed with certificates which Meshwright makes: stored, written as secrets, and taken back.

Problem: a private key is no value of a chart, since whatever asks for an operation is stored as it is sent. Invariant:
a secret is written as this mesh alone, from the authority as it is stored; what an operation has changed of either is
taken back with it.
"""

import datetime
import functools
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Literal, TypeAlias

import msgspec

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing import authorities, failures, places, removing
from meshwright.core.kit.kubernetes.installing.authorities import Authorities, Authority, Names
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.operations import Definitions

Body = dict[str, Any]
Change: TypeAlias = Callable[[Authority | None], Authority]


class CertifiedPlace(places.Place, frozen=True):
    """One mesh as an operation sees it; an adapter says which `secrets` its chart finds there."""

    def secrets(self, namespace: str, authority: Authority) -> list[Body]:
        """The secrets of the certificates."""
        raise NotImplementedError

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
        cluster, owner = await self.cluster(), k8s.manager_of(self.mesh, "certificates")
        for body in await self._stored(namespace):
            await cluster.apply(body, owner=owner)

    async def delete_secrets(self, namespace: str) -> None:
        """Remove them, those alone that this mesh has written."""
        cluster, owner = await self.cluster(), k8s.manager_of(self.mesh, "certificates")
        for body in await self._stored(namespace):
            live = await cluster.find(k8s.reference_of(body))
            managers = {str(each.get("manager")) for each in k8s.at(live, "metadata", "managedFields") or []}
            if live and owner in managers:
                await cluster.delete(k8s.reference_of(body), uid=str(live["metadata"]["uid"]))

    async def _stored(self, namespace: str) -> list[Body]:
        authority = await (await Authorities.open(self.ctx.runtime)).get(self.mesh)
        return self.secrets(namespace, authority) if authority else []


def new(names: Names) -> Change:
    """The certificates that are there, or else new ones."""
    return lambda there: there or authorities.created(names, datetime.datetime.now(datetime.UTC))


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter knows of removing its mesh."""

    title: str
    """of the mesh, for people"""
    definitions: str
    """the release that has brought the definitions"""
    groups: str
    """what the names of all its definitions end with"""
    part: Literal["labels", "annotations"]
    mark: str
    marks: Collection[str]
    """how namespaces are enrolled: by a label or an annotation with one of these values"""
    container: str
    """of a proxy in a pod"""
    entitled: Callable[[k8s.Cluster, Installation], Awaitable[None]]
    """raises Reject when a right is missing"""


async def remove(place: CertifiedPlace, removal: Removal, asked: Definitions) -> dict[str, Any]:
    """Remove an installation, as steps; what is kept is told with the reason. Raises Reject.

    identify-cluster → look → release-namespaces → per chart: remove → delete-secrets → definitions → namespace → record
    → forget-certificates → tell
    """
    ctx, before, kept = place.ctx, place.record, list[removing.Kept]()
    recorded = before or place.origin.recorded
    if recorded is None:
        raise failures.no_mesh(removal.title, ctx.command.mesh)
    if recorded.installer:
        raise failures.not_ours(removal.title, recorded.namespace, recorded.installer)

    async def look() -> None:
        await removing.check_designs(ctx)
        if before:
            await removal.entitled(await place.cluster(), before)

    await ctx.patient_step("look", look)
    removed = 0
    if before:  # otherwise it is in another cluster than the connection leads to
        await removing.release_namespaces(place, removal.part, removal.mark, removal.marks)
        removed = await removing.remove_charts(place, before)
        delete, put = (functools.partial(each, before.namespace) for each in (place.delete_secrets, place.put_secrets))
        await ctx.patient_step("delete-secrets", delete, undo=put)
        kept += await removing.remove_definitions(place, before.of(removal.definitions), removal.groups, asked)
        gone, staying = await removing.remove_namespaces(place, before, removal.title)
        removed, kept = removed + gone, [*kept, *staying]
    if kept:
        await ctx.progress(f"{len(kept)} objects are kept, such as {kept[0].ref}: {kept[0].because}")
    await place.write(None)
    await place.forget_authority()
    left = await removing.forget(place, functools.partial(removing.proxies_left, place, removal.container))
    return {
        "namespace": recorded.namespace,
        "removed": removed,
        "kept": [{"resource": str(each.ref), "because": each.because} for each in kept],
        "proxies_left": left if before else {},
    }
