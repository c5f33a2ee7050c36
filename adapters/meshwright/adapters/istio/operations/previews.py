"""What installing, upgrading, enrolling and withdrawing would do, told without doing it; designs are the kit's.

Invariant: nothing is changed; what the operation would refuse is told with the same words.
"""

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts import profiles
from meshwright.adapters.istio.charts.profiles import InstallSpec
from meshwright.adapters.istio.operations import installing, memberships, upgrading
from meshwright.adapters.istio.operations.memberships import Plan
from meshwright.adapters.istio.options import Options
from meshwright.core import kit
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.installing import failures, previewing
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.core.kit.kubernetes.installing.places import InstallationTarget
from meshwright.schemas import operations
from meshwright.schemas.designs import Preview, ResourceDiff
from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, UpgradeMesh, WithdrawWorkloads


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
    parts = [*installing.namespaces(asked), *profiles.components(asked)]
    return await previewing.preview(context, target, parts, source, record)


def _membership(plan: Plan) -> Preview:
    made = [ResourceDiff(ref=each.ref, change="create") for each in plan.waypoints]
    gone = [ResourceDiff(ref=each.ref, change="delete") for each in plan.unused]
    return plans.preview(plan, *made, *gone)
