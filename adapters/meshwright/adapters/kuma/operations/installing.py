"""Installing Kuma, and bringing it to another release or other values.

    identify-cluster → certificates → check → namespace → secrets → kuma: plan → apply → wait → prune → record → tell

Invariant: the chart is rendered and every check made before anything in the cluster is changed; where nothing differs
nothing is done, and the result says so.
"""

from typing import Any

import msgspec

from meshwright.adapters.kuma import planes, words
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.installation import charts
from meshwright.adapters.kuma.installation.charts import InstallSpec
from meshwright.adapters.kuma.installation.options import Options
from meshwright.adapters.kuma.operations import entitlements
from meshwright.adapters.kuma.operations.places import Place, outcome
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing import certified, components, failures, sources
from meshwright.core.kit.kubernetes.installing.authorities import Authority
from meshwright.core.kit.kubernetes.installing.components import Source, merged
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.base import Model
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import InstallMesh, UpgradeMesh

_OLDEST = "2.12"
_RESTART = "proxies go on with their release until their workloads are restarted"

adapter.installing_rights(entitlements.needed)


class Checked(Model, frozen=True, kw_only=True):
    """What the checks have found, and where the chart comes from."""

    source: Source
    notes: list[str] = []


@adapter.operation(InstallMesh)
async def install(ctx: kit.Context, arguments: InstallMesh) -> dict[str, Any]:
    """Install Kuma from its chart with a certificate of its own, or bring what is installed to these settings."""
    place = await Place.open(ctx)
    spec = spec_of(arguments, place.record, place.options.version)
    return await _bring(place, spec, [])


@adapter.operation(UpgradeMesh)
async def upgrade(ctx: kit.Context, arguments: UpgradeMesh) -> dict[str, Any]:
    """Bring Kuma to another release or other values."""
    place = await Place.open(ctx)
    if place.record is None:
        raise failures.no_mesh("Kuma", ctx.command.mesh)
    spec = upgraded(arguments, place.record, place.options.version)
    return await _bring(place, spec, [_RESTART])


def spec_of(arguments: InstallMesh, before: Installation | None, newest: str) -> InstallSpec:
    """What is asked for, with what is left out as it is installed, or else as this adapter chooses. Raises Reject."""
    problems = [
        FieldError(detail=f"Kuma has no {word}s: leave it out", pointer=f"#/{word}")
        for word in ("profile", "revision")
        if getattr(arguments, word)
    ]
    namespace = arguments.namespace or (before.namespace if before else words.NAMESPACE)
    if before and namespace != before.namespace:
        detail = f"the mesh lives in {before.namespace}: uninstall it first"
        problems.append(FieldError(detail=detail, pointer="#/namespace"))
    values = arguments.values or (before.values if before else {})
    return _spec(arguments.version or (before.version if before else newest), namespace, values, before, problems)


def upgraded(arguments: UpgradeMesh, before: Installation, newest: str) -> InstallSpec:
    """What the mesh shall be: as it is, besides what was said. Raises Reject."""
    problems = []
    if arguments.revision:
        problems.append(FieldError(detail="Kuma has no revisions: leave it out", pointer="#/revision"))
    values = merged(before.values, arguments.values)
    return _spec(arguments.version or newest, before.namespace, values, before, problems)


def _spec(
    version: str, namespace: str, values: dict[str, Any], before: Installation | None, problems: list[FieldError]
) -> InstallSpec:
    if before and before.installer:
        raise failures.adopted("Kuma", before.namespace, before.installer)
    if problems := [*problems, *charts.problems(version)]:
        raise kit.unfit(problems)
    if before:
        _check_skew(before.version, version)
    return InstallSpec(version=version, namespace=namespace, values=charts.values_of(values))


def _check_skew(before: str, after: str) -> None:
    """Raises Reject when Kuma does not go from one release to the other."""
    was, then = numbers(before)[:2], numbers(after)[:2]
    nearby = was[:1] != then[:1] or 0 <= then[1] - was[1] <= 2
    if len(was) < 2 or len(then) < 2 or (then >= was and nearby):
        return
    raise failures.skew(
        "Kuma",
        before,
        after,
        cause="Kuma's control plane works with proxies of the two minor versions before it, and does not go back.",
        remedy="Uninstall and install." if then < was else "Go by a version between them.",
    )


async def examine(
    cluster: k8s.Cluster, options: Options, spec: InstallSpec, authority: Authority, before: Installation | None
) -> Checked:
    """Every check, without changing anything. Raises Reject, KubernetesError."""
    source = await sources.source(cluster, options, spec.values.charts, spec.version)
    component = charts.chart(spec, authority)
    rendered = await components.render(component, source)
    await entitlements.OWN.require_for(
        cluster,
        namespace=spec.namespace,
        version=spec.version,
        charts=spec.values.charts,
        rendered=[(component, rendered)],
        record=before,
    )
    ours = {before.namespace} if before else set()
    others = [each for each in await planes.read(cluster) if each.namespace not in ours]
    if others:
        raise failures.unfit(
            [
                f"Kuma {others[0].release} is installed in {others[0].namespace} already, and a cluster takes one:"
                " adopt it, or remove it with what installed it"
            ]
        )
    notes = [f"{one.ref} is left out: {one.because}" for one in rendered.left_out]
    if numbers(spec.version) < numbers(_OLDEST):
        notes.append(f"designs need Kuma {_OLDEST} or newer")
    return Checked(source=source, notes=notes)


async def _bring(place: Place, spec: InstallSpec, advice: list[str]) -> dict[str, Any]:
    """All of it, as steps."""
    before = place.record
    authority = await place.authority(certified.new(spec.names))

    async def checked() -> Checked:
        return await examine(await place.cluster(), place.options, spec, authority, before)

    found = await place.ctx.patient_step("check", checked, result=Checked)
    record, changes = before or Installation(namespace=spec.namespace), 0
    space = charts.namespace(spec)
    installed, changed = await place.components.bring(space, None, record.of(space.release))
    record, changes = record.having(installed), changes + changed
    await place.write_secrets(spec.namespace)
    installed, changed = await place.components.bring(
        charts.chart(spec, authority), found.source, record.of(charts.CHART)
    )
    record, changes = record.having(installed), changes + changed
    record = msgspec.structs.replace(
        record, version=spec.version, values=msgspec.to_builtins(spec.values), operation=place.operation
    )
    await place.write(record)
    await place.tell(record, found.notes)
    if not changes:
        await place.ctx.progress(f"nothing to do: Kuma {record.version} is installed as asked")
    return outcome(record, authority, [*found.notes, *(advice if changes else [])], changes)
