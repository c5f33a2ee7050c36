"""Upgrading the managed sidecars of a mesh to the installed Envoy.

Problem: a sidecar keeps running the program it was started with, long after another one is installed. Invariant: they
are restarted one at a time, and the next only after the one before has its configuration; sidecars on other hosts are
upgraded by their operators, and are listed as unchanged.
"""

import asyncio
import functools
from typing import Any

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.dataplane.fleet import FleetError
from meshwright.adapters.envoy.dataplane.program import UnknownVersionError
from meshwright.adapters.envoy.operations.changes import Change
from meshwright.adapters.envoy.state import plans
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.schemas.errors import FieldError
from meshwright.schemas.meshes import MeshObserved
from meshwright.schemas.operations import InstallMesh, UpgradeMesh

_ANSWER_SECONDS = 30.0
_LOOK = 0.1


@adapter.operation(UpgradeMesh)
async def upgrade(ctx: kit.Context, arguments: UpgradeMesh) -> dict[str, Any]:
    """Restart managed sidecars that run another Envoy than the installed one, one by one."""
    change = Change(ctx)
    plane = change.plane
    state = await plans.current(change.buckets, change.key)
    if problems := await unsupported(plane, arguments):
        raise kit.unfit(problems)
    installed = await _installed(plane)

    async def choose() -> list[str]:
        return await outdated(plane, state, installed)

    names: list[str] = await ctx.step("choose", choose, result=list[str])
    for name in names:
        await ctx.progress(f"starting the sidecar of {name} with Envoy {installed}")
        await ctx.step(f"restart-{name}", functools.partial(_restart, plane, state, name, installed))

    async def observed() -> None:
        await ctx.runtime.emit(change.workspace, change.mesh, MeshObserved(mesh=plane.mesh(state)))

    await ctx.step("observe", observed)
    statuses = {name: plane.status(state.node(name)).proxy_version for name in sorted(state.workloads)}
    left = [name for name, version in statuses.items() if version not in ("", installed)]
    return {"version": installed, "restarted": names, "left": left}


async def unsupported(plane: ControlPlane, arguments: InstallMesh | UpgradeMesh) -> list[FieldError]:
    """Requested settings that a mesh of Envoys does not have; pointers are into the arguments."""
    problems = [
        FieldError(detail=f"an Envoy mesh has no {name}: leave it out", pointer=f"#/{name}")
        for name in ("revision", "profile", "namespace", "values")
        if getattr(arguments, name, None)
    ]
    if arguments.version and arguments.version != (installed := await _installed(plane)):
        detail = (
            f"Envoy {installed} is installed where the worker runs: install {arguments.version} there, then restart it"
        )
        problems.append(FieldError(detail=detail, pointer="#/version"))
    return problems


async def outdated(plane: ControlPlane, state: DesiredState, installed: str) -> list[str]:
    """The workloads whose sidecars on this host run another Envoy than the installed one."""
    here = {sidecar.node_id for sidecar in await plane.fleet.list()}
    return [
        name
        for name in sorted(state.workloads)
        if str(state.node(name)) in here and plane.status(state.node(name)).proxy_version not in ("", installed)
    ]


async def _restart(plane: ControlPlane, state: DesiredState, name: str, installed: str) -> None:
    node = state.node(name)
    if plane.status(node).proxy_version == installed:
        return  # an attempt before this one did it
    try:
        await plane.fleet.restart(str(node))
    except FleetError as error:
        raise failures.not_started(str(error)) from error
    deadline = asyncio.get_running_loop().time() + _ANSWER_SECONDS
    while (status := plane.status(node)).proxy_version != installed or status.state != "synced":
        if status.proxy_version == installed and status.state == "rejected":
            raise failures.rejected({name: status})
        if asyncio.get_running_loop().time() > deadline:
            raise failures.unanswered([name], _ANSWER_SECONDS)
        await asyncio.sleep(_LOOK)


async def _installed(plane: ControlPlane) -> str:
    try:
        return await plane.fleet.version()
    except UnknownVersionError as error:
        raise failures.not_started(str(error)) from error
