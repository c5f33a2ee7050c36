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
from meshwright.adapters.linkerd.operations import entitlements
from meshwright.adapters.linkerd.operations.places import Place
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing import failures, removing
from meshwright.schemas.operations import UninstallMesh


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
    await ctx.patient_step("look", functools.partial(_look, place))
    removed = 0
    if before:  # otherwise it is in another cluster than the connection leads to
        await removing.release_namespaces(place, "annotations", words.INJECT, words.INJECTED)
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
    left = await removing.forget(place, functools.partial(removing.proxies_left, place, words.PROXY))
    return {
        "namespace": recorded.namespace,
        "removed": removed,
        "kept": [{"resource": str(each.ref), "because": each.because} for each in kept],
        "proxies_left": left if before else {},
    }


async def _look(place: Place) -> None:
    """Raises Reject where something stands against it."""
    await removing.check_designs(place.ctx)
    if place.record:
        await entitlements.require_for_removal(await place.cluster(), place.record)
