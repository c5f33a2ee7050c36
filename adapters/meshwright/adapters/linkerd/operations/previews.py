"""What installing, upgrading, enrolling and withdrawing would do, told without doing it; designs are the kit's.

Invariant: nothing is changed; what the operation would refuse is told with the same words. An installation that has no
certificates yet is told with some that nobody will use.
"""

from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.installation import charts
from meshwright.adapters.linkerd.installation.charts import InstallSpec
from meshwright.adapters.linkerd.installation.options import Options
from meshwright.adapters.linkerd.operations import enrolling, installing, upgrading
from meshwright.core import kit
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.installing import failures, previewing
from meshwright.core.kit.kubernetes.installing.authorities import Authorities
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.core.kit.kubernetes.installing.places import InstallationTarget
from meshwright.schemas import operations
from meshwright.schemas.designs import Preview
from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, UpgradeMesh, WithdrawWorkloads


@adapter.preview
async def preview(context: kit.PreviewContext) -> Preview | None:
    """The objects that would change; None for what cannot be told. Raises kit.Reject as the operation would."""
    command = context.command
    mesh = kit.MeshRef.of(command)
    target = InstallationTarget(kit.Scope(context.runtime, context.service(object), mesh))
    cluster = await target.cluster()
    if command.kind == EnrolWorkloads.kind.name:
        joiners = operations.arguments_of(command, EnrolWorkloads).workloads
        return plans.preview(await enrolling.joining(cluster, joiners))
    if command.kind == WithdrawWorkloads.kind.name:
        leavers = operations.arguments_of(command, WithdrawWorkloads).workloads
        return plans.preview(await enrolling.leaving(cluster, leavers))
    record = await (await Installations.open(context.runtime)).get(mesh)
    if record and not record.is_in(await cluster.identity()):
        record = None
    newest = context.settings(Options).version
    if command.kind == InstallMesh.kind.name:
        spec = installing.spec_of(operations.arguments_of(command, InstallMesh), record, newest)
        return await _installation(context, target, spec, record, upgrade=False)
    if command.kind == UpgradeMesh.kind.name:
        if record is None:
            raise failures.no_mesh("Linkerd", command.mesh)
        spec = upgrading.spec_of(operations.arguments_of(command, UpgradeMesh), record, newest)
        return await _installation(context, target, spec, record, upgrade=True)
    return None


async def _installation(
    context: kit.PreviewContext,
    target: InstallationTarget,
    spec: InstallSpec,
    record: Installation | None,
    *,
    upgrade: bool,
) -> Preview:
    there = await (await Authorities.open(context.runtime)).get(target.mesh)
    authority = upgrading.staged(spec)(there)
    options, cluster = context.settings(Options), await target.cluster()
    checked = await installing.examine(cluster, options, spec, authority, record, upgrade=upgrade)
    parts = [charts.namespace(spec), *charts.components(spec, authority)]
    return await previewing.preview(context, target, parts, checked.source, record)
