"""Removing Istio: enrolment labels, components in reverse, what istiod left, definitions when asked, namespaces.

    identify-cluster → look → find-leftovers → release-namespaces → per component: remove → remove-leftovers
    → definitions → namespaces → record → tell

Invariant: nobody's pods are held up by a webhook that no control plane answers; what stays is told with the reason.
Everything can be taken back but the certificate authority that istiod made for itself, and definitions with objects.
"""

import functools
from typing import Any

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts.profiles import revisions, shown
from meshwright.adapters.istio.operations import control_planes, entitlements, failures, leftovers
from meshwright.adapters.istio.operations.leftovers import Leftover
from meshwright.adapters.istio.operations.places import Place
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import marking as labelling
from meshwright.core.kit.kubernetes.installing import failures as common
from meshwright.core.kit.kubernetes.installing import removing
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.core.kit.kubernetes.target import bodies
from meshwright.schemas.base import Model
from meshwright.schemas.operations import UninstallMesh
from meshwright.schemas.references import ResourceRef


class Inspection(Model, frozen=True, kw_only=True):
    """What there is before anything is removed."""

    namespace: str
    revisions: list[str]
    alone: bool
    """no other control plane is in the cluster"""
    ours: bool
    """Meshwright has installed it"""
    labels: dict[str, dict[str, str]] = {}
    """of namespaces, those by which they take part"""


@adapter.operation(UninstallMesh)
async def uninstall(ctx: kit.Context, arguments: UninstallMesh) -> dict[str, Any]:
    """Remove Istio with everything that it left; what is kept is told with the reason."""
    place = await Place.open(ctx)
    before = place.record
    if place.origin.recorded and not before:
        return await _forget(place, place.origin.recorded)

    look = functools.partial(_inspect, place, before)
    inspection = await ctx.patient_step("look", look, result=Inspection)
    judged = await _find_leftovers(place, inspection, before)
    await _release_namespaces(place, inspection)
    removed = await removing.remove_charts(place, before) if before else 0
    await _remove_leftovers(place, judged.go, before)
    alone = "" if inspection.alone else "another Istio is in the cluster"
    base = before.of("istio-base") if before else None
    kept = [
        *judged.stay,
        *await removing.remove_definitions(place, base, ".istio.io", arguments.definitions, alone=alone),
    ]
    if before:
        gone, staying = await removing.remove_namespaces(place, before, "Istio")
        removed, kept = removed + gone, [*kept, *staying]
    if kept:
        await ctx.progress(f"{len(kept)} objects are kept, such as {kept[0].ref}: {kept[0].because}")
    await place.write(None)
    left = await _tell(place, inspection)
    return {
        "namespace": inspection.namespace,
        "removed": removed,
        "leftovers": len(judged.go),
        "kept": [{"resource": str(each.ref), "because": each.because} for each in kept],
        "proxies_left": left,
    }


async def _forget(place: Place, recorded: Installation) -> dict[str, Any]:
    """What was installed is in another cluster than the connection leads to: the record goes, and nothing else."""
    await place.ctx.patient_step("look", functools.partial(removing.check_designs, place.ctx))
    await place.write(None)
    await _tell(place, Inspection(namespace=recorded.namespace, revisions=[], alone=False, ours=True))
    return {"namespace": recorded.namespace, "removed": 0, "leftovers": 0, "kept": [], "proxies_left": {}}


async def _inspect(place: Place, before: Installation | None) -> Inspection:
    """What there is; what would stand in the way of removing it is told now. Raises Reject."""
    await removing.check_designs(place.ctx)
    cluster = await place.cluster()
    if before:
        await entitlements.require_for_removal(cluster, before.namespace, before)
    scene = await _scene(cluster, place.mesh.mesh, before)
    if not before:
        await entitlements.require_for_removal(cluster, scene.namespace, None)
    return scene


async def _scene(cluster: k8s.Cluster, mesh: str, record: Installation | None) -> Inspection:
    planes = await control_planes.control_planes(cluster)
    places = sorted({each.namespace for each in planes})
    if record is None and len(places) != 1:
        raise common.no_mesh("Istio", mesh) if not places else failures.several(mesh, places)
    namespace = record.namespace if record else places[0]
    mine = {shown(each) for each in revisions(record)} if record else set()
    mine |= set() if record else {each.revision for each in planes}
    tags = {each.name for each in await control_planes.tags(cluster) if each.revision in mine}
    others = [each for each in planes if each.namespace != namespace or each.revision not in mine]
    labels = {
        each.name: marks
        for each in await control_planes.namespaces(cluster)
        if (marks := leftovers.enrolled(each.labels, mine | tags))
    }
    return Inspection(
        namespace=namespace,
        revisions=sorted(mine | tags),
        alone=not others,
        ours=record is not None and not record.installer,
        labels=labels,
    )


async def _release_namespaces(place: Place, inspection: Inspection) -> None:
    """Take the labels off that would have pods wait for an injector that is gone."""

    async def release() -> None:
        for name, labels in inspection.labels.items():
            await labelling.put(await place.cluster(), _namespace(name), dict.fromkeys(labels))

    async def restore() -> None:
        for name, labels in inspection.labels.items():
            await labelling.put(await place.cluster(), _namespace(name), dict(labels))

    if inspection.labels:
        await place.ctx.progress(f"withdrawing the namespaces {', '.join(sorted(inspection.labels))}")
        await place.ctx.patient_step("release-namespaces", release, undo=restore)


def _namespace(name: str) -> ResourceRef:
    return ResourceRef(kind="Namespace", name=name)


async def _find_leftovers(place: Place, inspection: Inspection, before: Installation | None) -> leftovers.Leftovers:
    """Looked for before anything goes: what loses its labels on the way would not be known any more."""

    async def look() -> leftovers.Leftovers:
        cluster = await place.cluster()
        judged = await leftovers.look(
            cluster,
            inspection.namespace,
            inspection.revisions,
            alone=inspection.alone,
            installed_by_others=not inspection.ours,
        )
        await entitlements.require_for_leftovers(cluster, [each.ref for each in judged.go], before)
        return judged

    return await place.ctx.patient_step("find-leftovers", look, result=leftovers.Leftovers)


async def _remove_leftovers(place: Place, gone: list[Leftover], before: Installation | None) -> None:
    own = {ref for each in before.components for ref in each.inventory} if before else set()
    if gone:
        await place.ctx.progress(f"removing {len(gone)} objects that Istio left")
        await place.ctx.patient_step(
            "remove-leftovers",
            functools.partial(_delete, place, gone),
            undo=functools.partial(_recreate, place, [each for each in gone if each.ref not in own]),
        )


async def _delete(place: Place, gone: list[Leftover]) -> None:
    for each in gone:
        try:
            await (await place.cluster()).delete(each.ref, uid=each.uid)
        except k8s.Conflict:
            continue  # another one of the same name by now


async def _recreate(place: Place, gone: list[Leftover]) -> None:
    cluster = await place.cluster()
    for each in gone:
        if each.body is not None and await cluster.find(each.ref) is None:
            await cluster.apply(bodies.sent(each.body), owner=labelling.OWNER, strict=False)


async def _tell(place: Place, inspection: Inspection) -> dict[str, int]:
    async def left() -> dict[str, int]:
        return await leftovers.proxies(await place.cluster()) if inspection.alone else {}

    return await removing.forget(place, left)
