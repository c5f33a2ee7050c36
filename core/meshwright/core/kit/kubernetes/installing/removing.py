"""Removing an installation: what of it goes, and what stays with the reason.

Invariant: definitions go only as far as was asked for, and take nobody's objects with them unless that was asked for
too; a namespace stays where others have something in it. What a step has removed can be brought back by its target.
"""

import functools
from collections.abc import Awaitable, Callable, Collection

import msgspec

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.enrolment import marking
from meshwright.core.kit.kubernetes.enrolment.plans import Part
from meshwright.core.kit.kubernetes.facts.pods import container_of, ended
from meshwright.core.kit.kubernetes.installing import failures
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installed
from meshwright.core.kit.kubernetes.installing.places import Place
from meshwright.core.kit.kubernetes.objects import marks_of
from meshwright.core.kit.kubernetes.target import occupants
from meshwright.core.kit.kubernetes.target.ownership import CREATED_BY
from meshwright.schemas.base import Model
from meshwright.schemas.operations import Definitions
from meshwright.schemas.references import ResourceRef

_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
_SHOWN = 3


class Kept(Model, frozen=True, kw_only=True):
    """One object that stays, and why."""

    ref: ResourceRef
    because: str


async def check_designs(ctx: kit.Context) -> None:
    """Raises Reject where designs are applied to the mesh."""
    if designs := await kit.applied_designs(ctx.runtime, ctx.command.workspace, ctx.command.mesh):
        raise failures.designs_applied(ctx.command.mesh, designs)


async def release_namespaces(place: Place, part: Part, mark: str, injected: Collection[str]) -> None:
    """Take a mark off that would have pods wait for an injector that is gone, as steps."""

    async def look() -> dict[str, str]:
        spaces = await listing.listed(await place.cluster(), "", "Namespace")
        marks = {k8s.name_of(each): marks_of(each, part).get(mark, "") for each in spaces}
        return {name: value for name, value in marks.items() if value in injected}

    async def put(*, back: bool) -> None:
        for name, value in enrolled.items():
            ref = ResourceRef(kind="Namespace", name=name)
            changes = {part: {mark: value if back else None}}
            await marking.put(await place.cluster(), ref, **{"labels": {}, **changes})

    enrolled: dict[str, str] = await place.ctx.patient_step("find-namespaces", look, result=dict[str, str])
    if enrolled:
        await place.ctx.progress(f"withdrawing the namespaces {', '.join(sorted(enrolled))}")
        release, restore = functools.partial(put, back=False), functools.partial(put, back=True)
        await place.ctx.patient_step("release-namespaces", release, undo=restore)


async def proxies_left(place: Place, container: str) -> dict[str, int]:
    """How many pods of each namespace still have a proxy in a container of this name. Raises KubernetesError."""
    counts: dict[str, int] = {}
    for pod in await listing.listed(await place.cluster(), "", "Pod"):
        if container_of(pod, container) and not ended(pod):
            counts[k8s.namespace_of(pod)] = counts.get(k8s.namespace_of(pod), 0) + 1
    return counts


async def remove_charts(place: Place, record: Installation) -> int:
    """Remove what the charts have brought besides definitions, the last first; how much of it was there."""
    removed = 0
    for each in record.in_reverse:
        if each.chart:
            removed += await place.components.remove(_without_definitions(each))
    return removed


async def remove_namespaces(place: Place, record: Installation, mesh: str) -> tuple[int, list[Kept]]:
    """Remove the namespaces of an installation: how many went, and those that stay. `mesh` is for people."""

    async def judge() -> list[Kept]:
        cluster, kept = await place.cluster(), []
        for ref in [ResourceRef(kind="Namespace", name=each.namespace) for each in bare]:
            live = await cluster.find(ref)
            if live is None or k8s.at(live, "metadata", "deletionTimestamp"):
                continue
            others = await occupants.of(cluster, ref, live, ())
            if others and CREATED_BY in k8s.annotations_of(live):
                because = f"others made {', '.join(map(str, others))} in it"
            else:
                because = f"it was there before {mesh} was installed, or others manage it too"
            kept.append(Kept(ref=ref, because=because))
        return kept

    bare, removed = [each for each in record.in_reverse if not each.chart], 0
    for each in bare:
        removed += await place.components.remove(each)
    staying: list[Kept] = await place.ctx.patient_step("judge-namespaces", judge, result=list[Kept])
    return removed, staying


async def remove_definitions(
    place: Place, brought: Installed | None, groups: str, asked: Definitions, *, alone: str = ""
) -> list[Kept]:
    """Remove the definitions of these groups (a suffix) as far as was asked for; those that stay, and why.

    `brought` is the component that brought them; `alone` says who else needs them.
    """
    if brought and not alone and asked == "unused":  # the target keeps those with objects, and can bring them back
        ours = [each for each in brought.inventory if (each.group, each.kind) == _DEFINITION]
        await place.components.remove(msgspec.structs.replace(brought, inventory=ours), "definitions")

    async def remove() -> list[Kept]:
        cluster = await place.cluster()
        found = await listing.listed(cluster, *_DEFINITION)
        own = [each for each in found if k8s.name_of(each).endswith(groups)]
        return [kept for each in own if (kept := await one(cluster, each))]

    async def one(cluster: k8s.Cluster, body: dict[str, object]) -> Kept | None:
        ref = k8s.reference_of(body)
        if asked == "keep":
            return Kept(ref=ref, because="definitions go only when asked (--definitions unused)")
        if alone:
            return Kept(ref=ref, because=alone)
        used = await _objects_of(cluster, body)
        if used and asked != "all":
            return Kept(ref=ref, because=f"there is {', '.join(map(str, used))}")
        if k8s.at(body, "metadata", "deletionTimestamp") is None:
            await cluster.delete(ref, uid=str(k8s.at(body, "metadata", "uid")))
        return None

    staying: list[Kept] = await place.ctx.patient_step("judge-definitions", remove, result=list[Kept])
    return staying


async def forget(place: Place, count: Callable[[], Awaitable[dict[str, int]]]) -> dict[str, int]:
    """Publish that the mesh is gone, as the last step; what `count` gives, such as the proxies that are left."""

    async def report() -> dict[str, int]:
        await kit.forget_designs(place.ctx.runtime, place.mesh.workspace, place.mesh.mesh)
        await kit.forget_mesh(place.ctx.runtime, place.mesh)
        return await count()

    return await place.publish(report)


def _without_definitions(component: Installed) -> Installed:
    """Definitions go in a step of their own, if at all."""
    kept = [each for each in component.inventory if (each.group, each.kind) != _DEFINITION]
    return msgspec.structs.replace(component, inventory=kept)


async def _objects_of(cluster: k8s.Cluster, definition: dict[str, object]) -> list[ResourceRef]:
    """Some objects of a definition. Raises KubernetesError."""
    group, kind = (str(k8s.at(definition, "spec", *path)) for path in (("group",), ("names", "kind")))
    return [k8s.reference_of(each) for each in (await listing.listed(cluster, group, kind))[:_SHOWN]]
