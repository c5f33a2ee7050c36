"""What installing, upgrading, enrolling and withdrawing would do, told without doing it; designs are the kit's.

Invariant: nothing is changed; what the operation would refuse is told with the same words. An installation that has no
certificate yet is told with one that nobody will use.
"""

from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.installation import charts
from meshwright.adapters.kuma.installation.charts import InstallSpec
from meshwright.adapters.kuma.installation.options import Options
from meshwright.adapters.kuma.operations import enrolling, installing
from meshwright.core import kit
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.installing import certified, failures, previewing
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
        name = await enrolling.mesh_name(context.runtime, mesh)
        return plans.preview(await enrolling.joining(cluster, joiners, name))
    if command.kind == WithdrawWorkloads.kind.name:
        leavers = operations.arguments_of(command, WithdrawWorkloads).workloads
        return plans.preview(await enrolling.leaving(cluster, leavers))
    record = await (await Installations.open(context.runtime)).get(mesh)
    if record and not record.is_in(await cluster.identity()):
        record = None
    newest = context.settings(Options).version
    if command.kind == InstallMesh.kind.name:
        spec = installing.spec_of(operations.arguments_of(command, InstallMesh), record, newest)
        return await _installation(context, target, spec, record)
    if command.kind == UpgradeMesh.kind.name:
        if record is None:
            raise failures.no_mesh("Kuma", command.mesh)
        spec = installing.upgraded(operations.arguments_of(command, UpgradeMesh), record, newest)
        return await _installation(context, target, spec, record)
    return None


async def _installation(
    context: kit.PreviewContext, target: InstallationTarget, spec: InstallSpec, record: Installation | None
) -> Preview:
    authority = certified.new(spec.names)(await (await Authorities.open(context.runtime)).get(target.mesh))
    checked = await installing.examine(await target.cluster(), context.settings(Options), spec, authority, record)
    parts = [charts.namespace(spec), charts.chart(spec, authority)]
    return await previewing.preview(context, target, parts, checked.source, record)
