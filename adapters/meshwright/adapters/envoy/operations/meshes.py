"""Installing and uninstalling a mesh, refreshing its status, renewing its certificates.

Invariant: a mesh is its entry in the bucket; installing it creates the entry and its certificate authority, and starts
no process.
"""

from typing import Any

import msgspec

from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.operations import upgrades
from meshwright.adapters.envoy.operations.changes import Change
from meshwright.adapters.envoy.state import desired, plans, validation
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.plans import Plan
from meshwright.adapters.envoy.xds import statuses
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.schemas.meshes import MeshObserved, MeshRemoved
from meshwright.schemas.operations import InstallMesh, RefreshStatus, RotateCertificates, UninstallMesh


@adapter.operation(InstallMesh)
async def install(ctx: kit.Context, arguments: InstallMesh) -> dict[str, Any]:
    """Create a mesh of Envoy sidecars, or change the settings of an existing one."""
    change = Change(ctx)
    command = ctx.command

    async def plan() -> Plan:
        problems = validation.trust_domain_problems(arguments.trust_domain)
        problems += await upgrades.unsupported(change.plane, arguments)
        if problems:
            raise kit.unfit(problems)
        await change.plane.authority(change.workspace, change.mesh)
        entry = await change.buckets.desired.get(change.key)
        before = desired.decode(entry.value) if entry else None
        base = before or DesiredState(workspace=command.workspace, mesh=command.mesh, connection=command.connection)
        return Plan(mesh=command.mesh, before=before, after=desired.settle(base, arguments.trust_domain))

    planned = await change.carry_out(plan)

    async def observed() -> None:
        state = await plans.current(change.buckets, change.key)
        await ctx.runtime.emit(change.workspace, change.mesh, MeshObserved(mesh=change.plane.mesh(state)))

    await ctx.step("observe", observed)
    await change.finish(planned)
    return {"version": planned.version, "trust_domain": arguments.trust_domain}


@adapter.operation(UninstallMesh)
async def uninstall(ctx: kit.Context, arguments: UninstallMesh) -> dict[str, Any]:
    """Remove a mesh: its policies, its managed sidecars, its certificate authority."""
    change = Change(ctx)

    async def plan() -> Plan:
        return Plan(mesh=change.mesh, before=await plans.current(change.buckets, change.key), after=None)

    planned = await change.carry_out(plan)

    async def forgotten() -> None:
        before = (await plans.load(change.buckets, change.key, planned.plan)).before
        for key in (change.key, *await change.buckets.secrets.keys(f"join.{change.key}.")):
            await change.buckets.secrets.delete(key)
        await kit.forget_designs(ctx.runtime, change.workspace, change.mesh)
        if before:
            removed = MeshRemoved(id=change.mesh, connection=before.connection)
            await ctx.runtime.emit(change.workspace, change.mesh, removed)

    await change.finish(planned, last=forgotten)
    return {}


@adapter.operation(RotateCertificates)
async def rotate(ctx: kit.Context, arguments: RotateCertificates) -> dict[str, Any]:
    """Issue new certificates to every proxy of the mesh and wait until each has its own."""
    change = Change(ctx)

    async def plan() -> Plan:
        before = await plans.current(change.buckets, change.key)
        return Plan(mesh=change.mesh, before=before, after=desired.rotate(before))

    planned = await change.carry_out(plan)
    await change.finish(planned)
    return {"version": planned.version, "proxies": planned.proxies}


@adapter.operation(RefreshStatus)
async def refresh(ctx: kit.Context, arguments: RefreshStatus) -> dict[str, Any]:
    """Read the state of the mesh and its proxies now and publish it."""
    plane = ctx.service(ControlPlane)
    change = Change(ctx)
    state = await plans.current(change.buckets, change.key)
    mesh = plane.mesh(state)
    plane.report(state)

    async def observed() -> None:
        await ctx.runtime.emit(change.workspace, change.mesh, MeshObserved(mesh=mesh))

    await ctx.step("observe", observed)
    version = desired.version(state)
    words = {name: plane.status(state.node(name)) for name in state.workloads}
    behind = sorted(name for name, status in words.items() if not statuses.is_answer(status, version))
    return {"mesh": msgspec.to_builtins(mesh), "version": version, "behind": behind}
