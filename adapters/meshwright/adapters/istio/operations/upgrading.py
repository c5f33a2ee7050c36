"""Bringing Istio to another version: in place, or by a second control plane to which everything moves.

    in place    identify-cluster → check → per component: plan → apply → wait → prune → record → tell
    by revision … base → istiod-NEW │ plan-move → tags → label → nodes and gateways → restarts │ remove istiod-OLD
                            installed                                                   moved                retired

Invariant: at every moment each namespace has one control plane that injects it; the old one goes only when no pod has
its sidecars any more. Going back to a revision that still stands is the same way in the other direction. An upgrade
that is undone leaves no pod with a sidecar of the control plane that it takes away.
"""

import functools
from typing import Any

import msgspec

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts import profiles, values
from meshwright.adapters.istio.charts.profiles import InstallSpec, istiod_release, shown
from meshwright.adapters.istio.operations import installing, moving, prechecks
from meshwright.adapters.istio.operations.installing import Checked
from meshwright.adapters.istio.operations.moving import Move
from meshwright.adapters.istio.operations.places import Place, outcome
from meshwright.core import kit
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.enrolment.rollouts import Restarted, Rollouts
from meshwright.core.kit.kubernetes.installing import failures
from meshwright.core.kit.kubernetes.installing.components import merged
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.operations import UpgradeMesh

_PASSING = ("until", "restart")
"""values of one operation, which the next does not inherit"""


@adapter.operation(UpgradeMesh)
async def upgrade(ctx: kit.Context, arguments: UpgradeMesh) -> dict[str, Any]:
    """Bring Istio to another version, in place or by a second control plane (--revision) to which everything moves."""
    place = await Place.open(ctx)
    before = place.record
    if before is None:
        raise failures.no_mesh("Istio", ctx.command.mesh)
    spec = spec_of(arguments, before, place.options.version)
    in_place = spec.revision == before.revision
    checked = await installing.check(place, spec, before, upgrade=True)
    if in_place:
        return await _in_place(place, before, spec, checked)
    return await _by_revision(place, before, spec, checked)


def spec_of(arguments: UpgradeMesh, before: Installation, newest: str) -> InstallSpec:
    """What the mesh shall be: as it is, besides what was said. Raises Reject."""
    if before.installer:
        raise failures.adopted("Istio", f"{before.namespace}/{shown(before.revision)}", before.installer)
    revision = arguments.revision or before.revision
    revision = "" if revision == profiles.DEFAULT_REVISION else revision
    standing = before.of(istiod_release(revision))
    moves_back = standing is not None and revision != before.revision
    version = arguments.version or (standing.version if standing and moves_back else newest)
    prechecks.check_version(version)
    origin = standing.version if standing and moves_back else before.version
    prechecks.check_skew(origin, version, canary=standing is None)
    kept = {key: value for key, value in before.values.items() if key not in _PASSING}
    return InstallSpec(
        version=version,
        revision=revision,
        profile=before.profile,
        namespace=before.namespace,
        trust_domain=before.trust_domain,
        values=values.values_of(merged(kept, arguments.values)),
        default_revision=shown(revision),
    )


async def _in_place(place: Place, before: Installation, spec: InstallSpec, checked: Checked) -> dict[str, Any]:
    record, changes = before, 0
    for component in profiles.components(spec):
        revision = spec.revision if component.chart == "istiod" else ""
        former = record.of(component.release)
        installed, changed = await place.components.bring(component, checked.source, former, revision)
        record, changes = record.having(installed), changes + changed
    record = _recorded(place, record, spec)
    await place.write(record)
    await place.tell(record, "ready", checked.notes)
    notes = [
        *checked.notes,
        *(["proxies go on with their version until their workloads are restarted"] * bool(changes)),
    ]
    return outcome(record, notes, changes=changes, unchanged=not changes)


async def _by_revision(place: Place, before: Installation, spec: InstallSpec, checked: Checked) -> dict[str, Any]:
    old, until = before.revision, spec.values.until
    base, istiod, *others = profiles.components(spec)
    staying = msgspec.structs.replace(spec, default_revision=shown(old))
    first = profiles.components(staying)[0]
    untagged = msgspec.structs.replace(istiod, values={**istiod.values, "revisionTags": []})
    record, changes = before, 0
    for component, revision in ((first, ""), (untagged, spec.revision)):
        former = record.of(component.release)
        installed, changed = await place.components.bring(component, checked.source, former, revision)
        record, changes = record.having(installed), changes + changed
    result: dict[str, Any] = {"moved": [], "left": [], "retired": False}
    if until != "installed":
        move, restarted, record = await _move(place, record, spec, checked, (base, istiod, others))
        result["moved"] = [*(str(each.ref) for each in move.changes), *(f"tag {name}" for name in move.tags)]
        result["left"] = [{"workload": str(each.ref), "because": each.left} for each in restarted if each.left]
        record = _recorded(place, record, spec)
    if until == "retired":
        record, because = await _retire(place, record, old)
        result |= {"retired": not because, **({"not_retired": because} if because else {})}
    await place.write(record)
    await place.tell(record, "ready", checked.notes)
    return outcome(record, checked.notes, changes=changes, unchanged=False, **result)


async def _move(
    place: Place, record: Installation, spec: InstallSpec, checked: Checked, parts: tuple[Any, Any, list[Any]]
) -> tuple[Move, list[Restarted], Installation]:
    """Move tags, labels, what all revisions share, and the workloads."""
    ctx, (base, istiod, others), old, started = place.ctx, parts, record.revision, record

    async def planned() -> Move:
        own = {ref for each in started.components for ref in each.inventory}
        return await moving.plan(await place.cluster(), old, spec.revision, own)

    async def started_anew() -> None:
        """Its undo comes after those of tags and labels, so that new pods get the sidecars of the old revision."""
        await rollouts.again(move.restarts)

    rollouts, move = Rollouts(ctx, place.target, ctx.command.accepted_at.isoformat()), Move()
    move = await ctx.patient_step("plan-move", planned, undo=started_anew, result=Move)
    if move.tags:  # taken over before the old control plane lets go of them: at no moment has a tag no webhook
        tagged = msgspec.structs.replace(istiod, values={**istiod.values, "revisionTags": move.tags})
        former = record.of(istiod.release)
        installed, _ = await place.components.bring(
            tagged, checked.source, former, spec.revision, name=f"{istiod.release}-tags", take_over=True
        )
        record = record.having(installed)
    if move.changes:
        await ctx.progress(f"moving {', '.join(str(each.ref) for each in move.changes[:10])} to {shown(spec.revision)}")
        await ctx.patient_step(
            "label",
            functools.partial(_put, place, move, back=False),
            undo=functools.partial(_put, place, move, back=True),
        )
    for component in (base, *others):
        installed, _ = await place.components.bring(
            component, checked.source, record.of(component.release), name=f"{component.release}-moved"
        )
        record = record.having(installed)
    restarted: list[Restarted] = []
    if spec.values.restart:
        restarted = await rollouts.restart_all(move.restarts)
    else:
        restarted = [Restarted(ref=each, left="restarts were switched off") for each in move.restarts]
    return move, restarted, record


async def _put(place: Place, move: Move, *, back: bool) -> None:
    await plans.put(await place.cluster(), move.changes, back=back)


async def _retire(place: Place, record: Installation, old: str) -> tuple[Installation, str]:
    """Remove the old control plane, unless pods still have its sidecars: then why not."""

    async def looked() -> list[str]:
        return [str(each) for each in (await moving.still_on(await place.cluster(), old))[:20]]

    left: list[str] = await place.ctx.patient_step("look-for-old-proxies", looked, result=list[str])
    if left:
        because = f"revision {shown(old)} stays: {', '.join(left)} still have its sidecars"
        await place.ctx.progress(because)
        return record, because
    component = record.of(istiod_release(old))
    if component:
        await place.components.remove(component)
        record = record.without(component.release)
    return record, ""


def _recorded(place: Place, record: Installation, spec: InstallSpec) -> Installation:
    return msgspec.structs.replace(
        record,
        version=spec.version,
        revision=spec.revision,
        values=msgspec.to_builtins(spec.values),
        operation=place.ctx.command.operation,
    )
