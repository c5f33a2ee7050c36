"""Installing Linkerd: certificates, namespace, secrets, definitions, control plane.

    identify-cluster → certificates → check → namespace → secrets → per chart: plan → apply → wait → prune → record
    → tell

Invariant: both charts are rendered and every check made before anything in the cluster is changed; where nothing
differs nothing is done, and the result says so.
"""

from typing import Any

import msgspec

from meshwright.adapters.linkerd import planes, versions
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.installation import charts
from meshwright.adapters.linkerd.installation.charts import InstallSpec
from meshwright.adapters.linkerd.installation.options import Options
from meshwright.adapters.linkerd.operations import entitlements
from meshwright.adapters.linkerd.operations.places import Place, outcome
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import DOMAIN
from meshwright.core.kit.kubernetes.installing import certified, components, failures, sources
from meshwright.core.kit.kubernetes.installing.authorities import Authority
from meshwright.core.kit.kubernetes.installing.components import Source
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.base import Model
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import InstallMesh

_UNSAID_TRUST_DOMAIN = "mesh.local"
"""what the contract says where nobody did"""
_OLDEST_KUBERNETES = (1, 31)
_ROUTES = ("gateway.networking.k8s.io", "HTTPRoute")

adapter.installing_rights(entitlements.needed)


class Checked(Model, frozen=True, kw_only=True):
    """What the checks have found, and where the charts come from."""

    source: Source
    notes: list[str] = []


@adapter.operation(InstallMesh)
async def install(ctx: kit.Context, arguments: InstallMesh) -> dict[str, Any]:
    """Install Linkerd from its charts with certificates of its own, or bring what is installed to these settings."""
    place = await Place.open(ctx)
    before = place.record
    spec = spec_of(arguments, before, place.options.version)
    authority = await place.authority(certified.new(spec.names))
    checked = await check(place, spec, authority, before)
    record, changes = await bring(place, spec, authority, checked, before or Installation(namespace=spec.namespace))
    await place.write(record)
    await place.tell(record, checked.notes)
    if not changes:
        await ctx.progress(f"nothing to do: Linkerd {record.version} is installed as asked")
    return outcome(record, authority, checked.notes, changes=changes, unchanged=not changes)


def spec_of(arguments: InstallMesh, before: Installation | None, newest: str) -> InstallSpec:
    """What is asked for, with what is left out as it is installed, or else as this adapter chooses. Raises Reject."""
    if before and before.installer:
        raise failures.adopted("Linkerd", before.namespace, before.installer)
    problems = [
        FieldError(detail=f"Linkerd has no {word}s: leave it out", pointer=f"#/{word}")
        for word in ("profile", "revision")
        if getattr(arguments, word)
    ]
    namespace = arguments.namespace or (before.namespace if before else InstallSpec(version="").namespace)
    if before and namespace != before.namespace:
        detail = f"the mesh lives in {before.namespace}: uninstall it first"
        problems.append(FieldError(detail=detail, pointer="#/namespace"))
    version = arguments.version or (before.version if before else newest)
    values = charts.values_of(arguments.values or (before.values if before else {}))
    problems += versions.problems(version) + value_problems(values)
    if values.anchor:
        problems.append(FieldError(detail="another anchor comes by an upgrade", pointer="#/values/anchor"))
    if problems:
        raise kit.unfit(problems)
    if before:
        check_skew(before.version, version)
    asked = "" if arguments.trust_domain == _UNSAID_TRUST_DOMAIN else arguments.trust_domain
    return InstallSpec(
        version=version,
        namespace=namespace,
        trust_domain=asked or (before.trust_domain if before else "") or DOMAIN,
        values=values,
    )


def value_problems(values: charts.Values) -> list[FieldError]:
    """Private keys in values, which would be stored as they are."""
    detail = "a private key is no value: what asks for an operation is stored; leave certificates to Meshwright"
    return [FieldError(detail=detail, pointer=f"#/values/control_plane/{path}") for path in charts.forbidden(values)]


def check_skew(before: str, after: str) -> None:
    """Raises Reject when Linkerd does not go from one release to the other."""
    was, then = numbers(versions.level(before)), numbers(versions.level(after))
    if len(was) < 2 or len(then) < 2 or 0 <= then[1] - was[1] <= 1:
        return
    raise failures.skew(
        "Linkerd",
        before,
        after,
        cause="Linkerd supports going up by one minor version at a time, and not going back.",
        remedy="Uninstall and install." if then < was else "Go by a version between them.",
    )


async def check(
    place: Place, spec: InstallSpec, authority: Authority, before: Installation | None, *, upgrade: bool = False
) -> Checked:
    """Every check, both charts rendered once, as a step. Raises Reject."""

    async def checked() -> Checked:
        return await examine(await place.cluster(), place.options, spec, authority, before, upgrade=upgrade)

    return await place.ctx.patient_step("check", checked, result=Checked)


async def examine(
    cluster: k8s.Cluster,
    options: Options,
    spec: InstallSpec,
    authority: Authority,
    before: Installation | None,
    *,
    upgrade: bool = False,
) -> Checked:
    """Every check, without changing anything. Raises Reject, KubernetesError."""
    source = await sources.source(
        cluster, options, spec.values.charts, spec.version, versions.chart_version(spec.version)
    )
    rendered = [(each, await components.render(each, source)) for each in charts.components(spec, authority)]
    await entitlements.OWN.require_for(
        cluster,
        namespace=spec.namespace,
        version=spec.version,
        charts=spec.values.charts,
        rendered=rendered,
        record=before,
    )
    if against := await _in_the_way(cluster, spec, before, upgrade=upgrade):
        raise failures.unfit(against)
    left_out = [f"{one.ref} is left out: {one.because}" for _, each in rendered for one in each.left_out]
    return Checked(source=source, notes=[*await _notes(cluster, spec), *left_out])


async def bring(
    place: Place, spec: InstallSpec, authority: Authority, checked: Checked, record: Installation
) -> tuple[Installation, int]:
    """Everything of an installation, as steps: its record then, and how much was changed."""
    space = charts.namespace(spec)
    installed, changes = await place.components.bring(space, None, record.of(space.release))
    record = record.having(installed)
    await place.write_secrets(spec.namespace)
    for component in charts.components(spec, authority):
        former = record.of(component.release)
        installed, changed = await place.components.bring(component, checked.source, former)
        record, changes = record.having(installed), changes + changed
    record = msgspec.structs.replace(
        record,
        namespace=spec.namespace,
        version=spec.version,
        trust_domain=spec.trust_domain,
        values=msgspec.to_builtins(msgspec.structs.replace(spec.values, anchor="")),
        operation=place.operation,
    )
    return record, changes


async def _in_the_way(
    cluster: k8s.Cluster, spec: InstallSpec, before: Installation | None, *, upgrade: bool
) -> list[str]:
    kubernetes = await cluster.version()
    told = []
    if numbers(kubernetes)[:2] < _OLDEST_KUBERNETES:
        told.append(f"Linkerd {spec.version} needs Kubernetes 1.31 or newer, and this cluster has {kubernetes}")
    ours = {before.namespace} if before else set()
    others = [each for each in await planes.read(cluster) if each.namespace not in ours]
    if others and not upgrade:
        told.append(
            f"Linkerd {others[0].release} is installed in {others[0].namespace} already, and a cluster takes one:"
            " adopt it, or remove it with what installed it"
        )
    return told


async def _notes(cluster: k8s.Cluster, spec: InstallSpec) -> list[str]:
    if await cluster.discovery.served([_ROUTES]):
        return []
    window = versions.gateway_api(versions.level(spec.version))
    which = f" ({window[0]} to {window[1]})" if window else ""
    return [f"the definitions of the Gateway API{which} are missing: no route will work without them"]
