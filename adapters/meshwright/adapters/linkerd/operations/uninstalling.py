"""Removing Linkerd: enrolment annotations, charts in reverse, secrets, definitions when asked, the namespace.

    identify-cluster → look → release-namespaces → per chart: remove → delete-secrets → definitions → namespace → record
    → forget-certificates → tell

Invariant: nobody's pods are held up by a webhook that no control plane answers; what stays is told with the reason.
Everything can be taken back but definitions with objects.
"""

import functools
from typing import Any

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.installation.charts import DEFINITIONS
from meshwright.adapters.linkerd.operations.places import Place
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.enrolment import marking
from meshwright.core.kit.kubernetes.facts.pods import container_of, ended
from meshwright.core.kit.kubernetes.installing import failures, removing
from meshwright.schemas.operations import UninstallMesh
from meshwright.schemas.references import ResourceRef


@adapter.operation(UninstallMesh)
async def uninstall(ctx: kit.Context, arguments: UninstallMesh) -> dict[str, Any]:
    """Remove Linkerd as Meshwright has installed it; what is kept is told with the reason."""
    place = await Place.open(ctx)
    before, kept = place.record, list[removing.Kept]()
    recorded = before or place.origin.recorded
    if recorded is None:
        raise failures.no_mesh("Linkerd", ctx.command.mesh)
    if recorded.installer:
        raise failures.not_ours("Linkerd", recorded.namespace, recorded.installer)
    await ctx.patient_step("look", functools.partial(removing.check_designs, ctx))
    removed = 0
    if before:  # otherwise it is in another cluster than the connection leads to
        await _release_namespaces(place)
        removed = await removing.remove_charts(place, before)
        await ctx.patient_step(
            "delete-secrets",
            functools.partial(place.delete_secrets, before.namespace),
            undo=functools.partial(place.put_secrets, before.namespace),
        )
        kept += await removing.remove_definitions(
            place, before.of(DEFINITIONS), f".{words.PROFILES}", arguments.definitions
        )
        gone, staying = await removing.remove_namespaces(place, before, "Linkerd")
        removed, kept = removed + gone, [*kept, *staying]
    if kept:
        await ctx.progress(f"{len(kept)} objects are kept, such as {kept[0].ref}: {kept[0].because}")
    await place.write(None)
    await place.forget_authority()
    left = await removing.forget(place, functools.partial(_proxies, place))
    return {
        "namespace": recorded.namespace,
        "removed": removed,
        "kept": [{"resource": str(each.ref), "because": each.because} for each in kept],
        "proxies_left": left if before else {},
    }


async def _release_namespaces(place: Place) -> None:
    """Take the annotations off that would have pods wait for an injector that is gone."""

    async def look() -> dict[str, str]:
        spaces = await listing.listed(await place.cluster(), "", "Namespace")
        marks = {k8s.name_of(each): k8s.annotations_of(each).get(words.INJECT, "") for each in spaces}
        return {name: mark for name, mark in marks.items() if mark in words.INJECTED}

    async def put(*, back: bool) -> None:
        for name, mark in enrolled.items():
            ref = ResourceRef(kind="Namespace", name=name)
            await marking.put(await place.cluster(), ref, {}, {words.INJECT: mark if back else None})

    enrolled: dict[str, str] = await place.ctx.patient_step("find-namespaces", look, result=dict[str, str])
    if enrolled:
        await place.ctx.progress(f"withdrawing the namespaces {', '.join(sorted(enrolled))}")
        release, restore = functools.partial(put, back=False), functools.partial(put, back=True)
        await place.ctx.patient_step("release-namespaces", release, undo=restore)


async def _proxies(place: Place) -> dict[str, int]:
    """How many pods of each namespace have a proxy yet."""
    counts: dict[str, int] = {}
    for pod in await listing.listed(await place.cluster(), "", "Pod"):
        if container_of(pod, words.PROXY) and not ended(pod):
            counts[k8s.namespace_of(pod)] = counts.get(k8s.namespace_of(pod), 0) + 1
    return counts
