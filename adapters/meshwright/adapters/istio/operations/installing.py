"""Installing Istio: namespaces, definitions, control plane, node agents, gateway, each a component of its own.

    identify-cluster → check → per component: plan → apply → wait → prune → record → tell

Invariant: every chart is rendered and every check made before anything is changed; where nothing differs nothing is
done, and the result says so.
"""

from typing import Any

import msgspec

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts import values
from meshwright.adapters.istio.charts.profiles import (
    DEFAULT_NAMESPACE,
    DEFAULT_PROFILE,
    PROFILES,
    InstallSpec,
    shown,
)
from meshwright.adapters.istio.charts.profiles import components as components_of
from meshwright.adapters.istio.operations import entitlements, prechecks
from meshwright.adapters.istio.operations.places import Place, outcome
from meshwright.adapters.istio.options import Options
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing import components, failures, sources
from meshwright.core.kit.kubernetes.installing.components import Component, Source
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.core.kit.kubernetes.target.ownership import manager_of
from meshwright.schemas.base import Model
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import InstallMesh

_UNSAID_TRUST_DOMAIN = "mesh.local"
"""what the contract says where nobody did; Istio's own word for it is another"""


class Checked(Model, frozen=True, kw_only=True):
    """What the checks have found, and where the charts come from."""

    source: Source
    notes: list[str] = []


adapter.installing_rights(entitlements.needed)


@adapter.operation(InstallMesh)
async def install(ctx: kit.Context, arguments: InstallMesh) -> dict[str, Any]:
    """Install Istio from its charts, or bring what is installed to these settings."""
    place = await Place.open(ctx)
    before = place.record
    spec = spec_of(arguments, before, place.options.version)
    checked = await check(place, spec, before)
    changes, record = 0, before or Installation(namespace=spec.namespace, profile=spec.profile)
    for component in [*namespaces(spec), *components_of(spec)]:
        source = checked.source if component.chart else None
        revision = spec.revision if component.chart == "istiod" else ""
        installed, changed = await place.components.bring(component, source, record.of(component.release), revision)
        record, changes = record.having(installed), changes + changed
    record, dropped = await _drop(place, record, spec)
    changes += dropped
    record = msgspec.structs.replace(
        record,
        namespace=spec.namespace,
        profile=spec.profile,
        version=spec.version,
        revision=spec.revision,
        trust_domain=spec.trust_domain,
        values=msgspec.to_builtins(spec.values),
        operation=ctx.command.operation,
    )
    await place.write(record)
    await place.tell(record, "ready", checked.notes)
    if not changes:
        await ctx.progress(f"nothing to do: Istio {record.version} is installed as asked")
    return outcome(record, checked.notes, changes=changes, unchanged=not changes)


def spec_of(arguments: InstallMesh, before: Installation | None, newest: str) -> InstallSpec:
    """What is asked for, with what is left out as it is installed, or else as this adapter chooses. Raises Reject."""
    if before and before.installer:
        raise failures.adopted("Istio", f"{before.namespace}/{shown(before.revision)}", before.installer)
    profile = arguments.profile or (before.profile if before else DEFAULT_PROFILE)
    if profile not in PROFILES:
        detail = f"there is no profile {profile}; there are {', '.join(PROFILES)}"
        raise kit.unfit([FieldError(detail=detail, pointer="#/profile")])
    namespace = arguments.namespace or (before.namespace if before else DEFAULT_NAMESPACE)
    if before and namespace != before.namespace:
        detail = f"the mesh lives in {before.namespace}: uninstall it first, or install another mesh"
        raise kit.unfit([FieldError(detail=detail, pointer="#/namespace")])
    revision = arguments.revision or (before.revision if before else "")
    if before and revision != before.revision:
        detail = f"the mesh has revision {shown(before.revision)}: another one is brought by an upgrade"
        raise kit.unfit([FieldError(detail=detail, pointer="#/revision")])
    version = arguments.version or (before.version if before else newest)
    prechecks.check_version(version)
    if before:
        prechecks.check_skew(before.version, version, canary=False)
    trust_domain = "" if arguments.trust_domain == _UNSAID_TRUST_DOMAIN else arguments.trust_domain
    return InstallSpec(
        version=version,
        revision=revision,
        profile=profile,
        namespace=namespace,
        trust_domain=trust_domain or (before.trust_domain if before else ""),
        values=values.values_of(arguments.values or (before.values if before else {})),
        default_revision=shown(revision),
    )


async def check(place: Place, spec: InstallSpec, before: Installation | None, *, upgrade: bool = False) -> Checked:
    """The step before all others: every check, every chart rendered once. Raises Reject."""

    async def checked() -> Checked:
        return await examine(await place.cluster(), place.mesh, place.options, spec, before, upgrade=upgrade)

    return await place.ctx.patient_step("check", checked, result=Checked)


async def examine(
    cluster: k8s.Cluster,
    mesh: kit.MeshRef,
    options: Options,
    spec: InstallSpec,
    before: Installation | None,
    *,
    upgrade: bool,
) -> Checked:
    """Every check, without changing anything. Raises Reject, KubernetesError."""
    source = await sources.source(cluster, options, spec.values.charts, spec.version)
    rendered = [(each, await components.render(each, source)) for each in components_of(spec)]
    await entitlements.require_for(cluster, spec, rendered, before)
    ours = [manager_of(mesh, each.owner) for each in components_of(spec)]
    outcome = await prechecks.run(cluster, spec, ours, upgrade=upgrade)
    left_out = [f"{one.ref} is left out: {one.because}" for _, each in rendered for one in each.left_out]
    return Checked(source=source, notes=[*outcome.notes, *left_out])


def namespaces(spec: InstallSpec) -> list[Component]:
    """The namespaces of the components, which come first and go last."""
    names = dict.fromkeys(each.namespace for each in components_of(spec))
    return [Component(chart="", release=f"namespace-{name}", namespace=name) for name in names]


async def _drop(place: Place, record: Installation, spec: InstallSpec) -> tuple[Installation, int]:
    """Remove components that another profile had and this one has not."""
    wanted = {each.release for each in [*namespaces(spec), *components_of(spec)]}
    removed = 0
    for each in reversed(record.components):
        if each.release not in wanted and each.chart != "istiod":
            removed += await place.components.remove(each)
            record = record.without(each.release)
    return record, removed
