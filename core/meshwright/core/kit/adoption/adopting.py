"""The operations that begin and end the management of a mesh that somebody else has installed.

    adopt    look → record → tell
    forget   look → forget

Invariant: a control plane is managed under one name at most, and a name stands for one mesh; in the cluster nothing is
changed.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from meshwright.core.kit.adoption import failures
from meshwright.core.kit.adoption.detecting import Adoption, detect, places
from meshwright.core.kit.base_context import PreviewContext
from meshwright.core.kit.context import Context
from meshwright.core.kit.lifecycle.kept import applied_designs
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.status.publishing import Publications, forget_mesh, tell_mesh
from meshwright.core.kit.target import ConnectionScope, MeshRef, Scope
from meshwright.schemas.designs import Preview
from meshwright.schemas.meshes import DetectedMesh, Mesh
from meshwright.schemas.operations import AdoptMesh, Command, ForgetMesh, arguments_of

Handler = Callable[[Context, Any], Awaitable[dict[str, Any]]]
HANDLED = (AdoptMesh, ForgetMesh)


class _Known(msgspec.Struct, frozen=True):
    """What is known of a mesh before it is forgotten."""

    record: Any = None
    mesh: Mesh | None = None


def adopts(adoption: Adoption) -> Handler:
    """What handles `AdoptMesh`."""

    async def handle(ctx: Context, arguments: AdoptMesh) -> dict[str, Any]:
        """Manage a mesh that is there already, as it is: nothing in the cluster is changed."""
        mesh = MeshRef.of(ctx.command)
        scope = Scope(ctx.runtime, ctx.service(object), mesh)

        async def look() -> DetectedMesh:
            return await _look(adoption, scope, arguments)

        async def record() -> None:
            await adoption.write(scope, await adoption.record(scope, detected))

        async def unrecord() -> None:
            await adoption.write(scope, None)

        async def tell() -> dict[str, Any]:
            status = await adoption.status(scope)
            await (await Publications.open(ctx.runtime)).publish(mesh, status)
            shown: dict[str, Any] = msgspec.to_builtins(status.mesh)
            return shown

        async def untell() -> None:
            await forget_mesh(ctx.runtime, mesh)

        detected: DetectedMesh = await ctx.step("look", look, result=DetectedMesh)
        outcome = {"detected": msgspec.to_builtins(detected)}
        if detected.mesh == mesh.mesh:
            await ctx.progress(f"nothing to do: it is managed as {mesh.mesh} already")
            return {**outcome, "unchanged": True}
        await ctx.step("record", record, undo=unrecord)
        return {**outcome, "mesh": await ctx.step("tell", tell, undo=untell), "unchanged": False}

    return handle


def forgets(adoption: Adoption) -> Handler:
    """What handles `ForgetMesh`."""

    async def handle(ctx: Context, _: ForgetMesh) -> dict[str, Any]:
        """Manage an adopted mesh no longer: nothing in the cluster is changed."""
        mesh = MeshRef.of(ctx.command)
        scope = Scope(ctx.runtime, ctx.service(object), mesh)

        async def look() -> _Known:
            await _check_designs(ctx.runtime, mesh)
            published = await (await Publications.open(ctx.runtime)).of(mesh)
            return _Known(record=await adoption.read(scope), mesh=published.mesh if published else None)

        async def forget() -> None:
            await adoption.write(scope, None)
            await forget_mesh(ctx.runtime, mesh)

        async def remember() -> None:
            await adoption.write(scope, known.record)
            if known.mesh:
                await tell_mesh(ctx.runtime, mesh, known.mesh)

        known: _Known = await ctx.step("look", look, result=_Known)
        await ctx.step("forget", forget, undo=remember)
        return {}

    return handle


async def preview(adoption: Adoption, context: PreviewContext) -> Preview:
    """Nothing would be changed; what the operation would refuse is refused. Raises Reject."""
    command: Command = context.command
    scope = Scope(context.runtime, context.service(object), MeshRef.of(command))
    if command.kind == AdoptMesh.kind.name:
        await _look(adoption, scope, arguments_of(command, AdoptMesh))
    else:
        await _check_designs(context.runtime, scope.mesh)
        await adoption.read(scope)
    return Preview(translations=[])


async def _look(adoption: Adoption, scope: Scope, arguments: AdoptMesh) -> DetectedMesh:
    """The mesh that is meant. Raises Reject."""
    ref = scope.mesh
    place = ConnectionScope(scope.runtime, scope.service, ref.workspace, ref.connection)
    detected = chosen((await detect(adoption, place)).meshes, arguments, ref)
    published = await (await Publications.open(scope.runtime)).of(ref)
    if published and published.mesh and (detected.namespace, detected.revision) not in places(published.mesh):
        raise failures.name_taken(ref.mesh, published.mesh)
    return detected


def chosen(detected: list[DetectedMesh], wanted: AdoptMesh, ref: MeshRef) -> DetectedMesh:
    """The one that is meant: of several the only one that is not managed, or is under this name. Raises Reject."""
    there = [each for each in detected if wanted.namespace in ("", each.namespace)]
    named = [each for each in there if wanted.revision in ("", each.revision)]
    fitting = named or [each for each in there if wanted.revision in each.tags]  # `default` may be a tag of another
    free = [each for each in fitting if each.mesh == ref.mesh] or [each for each in fitting if not each.mesh]
    if not fitting:
        raise failures.nothing_there(wanted, detected)
    if not free:
        raise failures.managed(fitting[0])
    if len(free) > 1:
        raise failures.several(free)
    return free[0]


async def _check_designs(runtime: Runtime, mesh: MeshRef) -> None:
    if designs := await applied_designs(runtime, mesh.workspace, mesh.mesh):
        raise failures.designs_applied(mesh.mesh, designs)
