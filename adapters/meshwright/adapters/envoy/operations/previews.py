"""Previews of installing or upgrading a mesh; those of designs are the kit's.

Invariant: nothing is written, and refusals have the same text as those of the operation.
"""

from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.operations import upgrades
from meshwright.adapters.envoy.state import desired, identity, plans, validation
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.schemas import operations
from meshwright.schemas.designs import Preview, ResourceDiff
from meshwright.schemas.operations import InstallMesh, UpgradeMesh
from meshwright.schemas.references import ResourceRef


@adapter.preview
async def preview(context: kit.PreviewContext) -> Preview | None:
    """The mesh that would be created or changed, or the sidecars that would be restarted; None for other operations.

    Raises kit.Reject when the mesh of an upgrade does not exist.
    """
    command = context.command
    if command.kind == InstallMesh.kind.name:
        return await _install(context, operations.arguments_of(command, InstallMesh))
    if command.kind == UpgradeMesh.kind.name:
        return await _upgrade(context, operations.arguments_of(command, UpgradeMesh))
    return None


async def _install(context: kit.PreviewContext, arguments: InstallMesh) -> Preview:
    plane, command = context.service(ControlPlane), context.command
    problems = validation.trust_domain_problems(arguments.trust_domain)
    problems += await upgrades.unsupported(plane, arguments)
    entry = await plane.buckets.desired.get(identity.mesh_key(command.workspace, command.mesh))
    before = _text(desired.decode(entry.value).trust_domain) if entry else ""
    after = _text(arguments.trust_domain)
    change = ResourceDiff(
        ref=ResourceRef(kind="Mesh", name=command.mesh),
        change="create" if entry is None else "unchanged" if before == after else "update",
        before=before,
        after=after,
    )
    return Preview(translations=[], problems=problems, diff=[change])


async def _upgrade(context: kit.PreviewContext, arguments: UpgradeMesh) -> Preview:
    plane, command = context.service(ControlPlane), context.command
    state = await plans.current(plane.buckets, identity.mesh_key(command.workspace, command.mesh))
    problems = await upgrades.unsupported(plane, arguments)
    installed = await plane.fleet.version() if not problems else ""
    diff = [
        ResourceDiff(
            ref=ResourceRef(kind="Sidecar", name=name),
            change="update",
            before=f"version: {plane.status(state.node(name)).proxy_version}\n",
            after=f"version: {installed}\n",
        )
        for name in (await upgrades.outdated(plane, state, installed) if not problems else [])
    ]
    return Preview(translations=[], problems=problems, diff=diff)


def _text(trust_domain: str) -> str:
    return f"trust_domain: {trust_domain}\n"
