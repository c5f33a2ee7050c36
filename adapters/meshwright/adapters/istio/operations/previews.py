"""What installing, upgrading, enrolling and withdrawing would do, told without doing it; designs are the kit's.

Invariant: nothing is changed; what the operation would refuse is told with the same words. A definition is told by the
digest of its content, since all of Istio's would not fit into an answer.
"""

import hashlib
from typing import Any

import msgspec
import yaml

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts import profiles
from meshwright.adapters.istio.charts.profiles import InstallSpec
from meshwright.adapters.istio.operations import installing, memberships, upgrading
from meshwright.adapters.istio.operations.memberships import Plan
from meshwright.adapters.istio.options import Options
from meshwright.core import kit
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.installing import components, failures
from meshwright.core.kit.kubernetes.installing.components import Component, Source
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.core.kit.kubernetes.installing.places import InstallationTarget
from meshwright.schemas import operations
from meshwright.schemas.designs import Preview, ResourceDiff
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Resource
from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, UpgradeMesh, WithdrawWorkloads
from meshwright.schemas.references import ResourceRef

_DEFINITION = "CustomResourceDefinition"


@adapter.preview
async def preview(context: kit.PreviewContext) -> Preview | None:
    """The objects that would change; None for what cannot be told. Raises kit.Reject as the operation would."""
    command = context.command
    mesh = kit.MeshRef.of(command)
    target = InstallationTarget(kit.Scope(context.runtime, context.service(object), mesh))
    record = await (await Installations.open(context.runtime)).get(mesh)
    if record and not record.is_in(await (await target.cluster()).identity()):
        record = None
    newest = context.settings(Options).version
    if command.kind == InstallMesh.kind.name:
        asked = installing.spec_of(operations.arguments_of(command, InstallMesh), record, newest)
        return await _installation(context, target, asked, record, upgrade=False)
    if command.kind == UpgradeMesh.kind.name:
        if record is None:
            raise failures.no_mesh("Istio", command.mesh)
        asked = upgrading.spec_of(operations.arguments_of(command, UpgradeMesh), record, newest)
        return await _installation(context, target, asked, record, upgrade=True)
    cluster = await target.cluster()
    if command.kind == EnrolWorkloads.kind.name:
        members = operations.arguments_of(command, EnrolWorkloads).workloads
        return _membership(await memberships.joining(cluster, record, members))
    if command.kind == WithdrawWorkloads.kind.name:
        leaving = operations.arguments_of(command, WithdrawWorkloads).workloads
        return _membership(await memberships.leaving(cluster, leaving))
    return None


async def _installation(
    context: kit.PreviewContext,
    target: InstallationTarget,
    asked: InstallSpec,
    record: Installation | None,
    *,
    upgrade: bool,
) -> Preview:
    options = context.settings(Options)
    cluster = await target.cluster()
    source = (await installing.examine(cluster, target.mesh, options, asked, record, upgrade=upgrade)).source
    diff: dict[ResourceRef, ResourceDiff] = {}
    problems: list[FieldError] = []
    for component in [*installing.namespaces(asked), *profiles.components(asked)]:
        former = record.of(component.release) if record else None
        draft = await _draft(context, target, component, source)
        draft = msgspec.structs.replace(draft, former=former.inventory if former else [])
        dry_run = await target.dry_run(draft)
        problems += dry_run.problems
        diff |= {each.ref: _shown(each) for each in dry_run.changes}
    return Preview(translations=[], problems=problems, diff=list(diff.values()))


async def _draft(
    context: kit.PreviewContext, target: InstallationTarget, component: Component, source: Source
) -> kit.Draft:
    """A component together with its namespace, which may not be there yet."""
    rendered = await components.render(component, source) if component.chart else None
    place = components.namespace(component.namespace)
    comes_with = [Resource(ref=ResourceRef(kind="Namespace", name=component.namespace), body=place)]
    own = await components.resources_of(target, component, rendered)
    return kit.Draft(
        mesh=target.mesh,
        owner=component.owner,
        operation=context.command.operation,
        resources=[*(comes_with if rendered else []), *own],
    )


def _shown(change: kit.Change) -> ResourceDiff:
    was, now = change.before, change.after
    if change.ref.kind == _DEFINITION:
        was, now = _brief(was), _brief(now)
    return ResourceDiff(
        ref=change.ref,
        change="unchanged" if was == now else "create" if was is None else "delete" if now is None else "update",
        before=_text(was),
        after=_text(now),
        conflict=change.conflict,
    )


def _brief(body: dict[str, Any] | None) -> dict[str, Any] | None:
    if body is None:
        return None
    digest = hashlib.sha256(msgspec.json.encode(body.get("spec"), order="sorted")).hexdigest()
    return {**body, "metadata": {"name": body["metadata"]["name"]}, "spec": f"sha256:{digest}"}


def _text(body: dict[str, Any] | None) -> str:
    return "" if body is None else str(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))


def _membership(plan: Plan) -> Preview:
    made = [ResourceDiff(ref=each.ref, change="create") for each in plan.waypoints]
    gone = [ResourceDiff(ref=each.ref, change="delete") for each in plan.unused]
    return plans.preview(plan, *made, *gone)
