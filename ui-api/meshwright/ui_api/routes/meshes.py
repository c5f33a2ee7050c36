"""Meshes: installed, removed and refreshed by operations; their state is what their adapter observes."""

from typing import Annotated, Any, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.schemas.adapters import MeshIntents
from meshwright.schemas.meshes import Mesh, MeshState
from meshwright.schemas.operations import (
    AdoptMesh,
    Arguments,
    Definitions,
    ForgetMesh,
    InstallMesh,
    MeshWord,
    Operation,
    RefreshStatus,
    RotateCertificates,
    UninstallMesh,
    UpgradeMesh,
)
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.queries import NoQuery, Read, Search, Write
from meshwright.ui_api.http.routing import COMMAND, Call, NoBody, Routes, asking
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import accepting, mesh_values, previews, targets
from meshwright.ui_api.requests.accepting import OperationOptions
from meshwright.ui_api.requests.targets import NewMesh

routes = Routes("meshes")
_VALUES = "the mesh's own values; the adapter announces their JSON Schema, and without one there are none"
_VALUES_RULE = "`values` fit the JSON Schema that the adapter announces."


class MeshPage(Search, frozen=True, kw_only=True):
    """Meshes, filtered and sorted."""

    kind: str = ""
    connection: str = ""
    adapter: str = ""
    state: MeshState | None = None
    order_by: Annotated[
        Literal["id", "id desc", "kind", "kind desc", "state", "state desc"],
        Meta(description="Field and direction."),
    ] = "id"


class CreateMesh(NewMesh, frozen=True, kw_only=True):
    """The request for a mesh.

    `kind` is needed where the connection supports several, `adapter` where several live ones serve that kind.
    """

    version: MeshWord = ""
    revision: MeshWord = ""
    profile: MeshWord = ""
    namespace: MeshWord = ""
    trust_domain: str = "mesh.local"
    values: Annotated[dict[str, Any], Meta(description=_VALUES)] = {}


class Adopt(NewMesh, frozen=True, kw_only=True):
    """The request to adopt an existing mesh. Without `namespace` and `revision` it is the only unmanaged one."""

    namespace: MeshWord = ""
    revision: MeshWord = ""


class Upgrade(OperationOptions, frozen=True, kw_only=True):
    """The target version of an upgrade; without one the newest that the adapter knows."""

    version: MeshWord = ""
    revision: MeshWord = ""
    values: Annotated[dict[str, Any], Meta(description=_VALUES)] = {}


class Removal(OperationOptions, frozen=True, kw_only=True):
    """What is removed together with a mesh."""

    definitions: Annotated[
        Definitions,
        Meta(description="Whether its CRDs are removed too: the unused ones, or all with their objects."),
    ] = "keep"


@routes.add(
    "GET",
    "/v1/meshes",
    "listMeshes",
    role="viewer",
    query=MeshPage,
    answer=views.listed(Mesh, counted=True),
    problems=("store-unavailable", "not-yet-visible"),
)
async def index(call: Call[NoBody, MeshPage]) -> Response:
    """List meshes."""
    query = call.query
    where = {
        "kind": query.kind,
        "connection": query.connection,
        "adapter": query.adapter,
        "state": query.state,
    }
    return await views.page(call, kinds.MESHES, where, query.order_by)


@routes.add(
    "POST",
    "/v1/meshes",
    "createMesh",
    role="operator",
    query=Write,
    body=CreateMesh,
    further_rules=("`kind` is given where the connection supports several kinds of mesh.", _VALUES_RULE),
    answer=Operation,
    **asking("already-exists"),
)
@accepting.repeatable
async def create(call: Call[CreateMesh, Write]) -> Response:
    """Install a mesh, or change an existing one to these settings."""
    asked = call.body
    arguments = InstallMesh(**{name: getattr(asked, name) for name in InstallMesh.__struct_fields__})
    wanted = targets.request_for_new(call.api, call.workspace, asked, arguments)
    mesh_values.check(call.api, wanted.adapter, asked.values)
    return await accepting.accept(call, asked, wanted)


@routes.add(
    "POST",
    "/v1/meshes:adopt",
    "adoptMesh",
    role="operator",
    query=Write,
    body=Adopt,
    further_rules=("`kind` is given where the connection can hold meshes of several kinds.",),
    answer=Operation,
    **asking("already-exists"),
)
@accepting.repeatable
async def adopt(call: Call[Adopt, Write]) -> Response:
    """Manage an existing mesh, also one installed by others. The mesh is not changed."""
    asked = call.body
    arguments = AdoptMesh(namespace=asked.namespace, revision=asked.revision)
    return await accepting.accept(call, asked, targets.request_for_new(call.api, call.workspace, asked, arguments))


@routes.add(
    "POST",
    "/v1/meshes/{id}:upgrade",
    "upgradeMesh",
    role="operator",
    query=Write,
    body=Upgrade,
    further_rules=(_VALUES_RULE,),
    answer=Operation,
    **COMMAND,
)
@accepting.repeatable
async def upgrade(call: Call[Upgrade, Write]) -> Response:
    """Upgrade a mesh to another version."""
    asked = call.body

    mesh = targets.mesh(call.api, call.workspace, call.name())
    mesh_values.check(call.api, mesh.adapter, asked.values)
    arguments = UpgradeMesh(version=asked.version, revision=asked.revision, values=asked.values)
    return await accepting.accept(call, asked, targets.request_for(mesh, arguments))


@routes.add(
    "POST",
    "/v1/meshes/{id}:rotate-certificates",
    "rotateMeshCertificates",
    role="operator",
    query=Write,
    body=OperationOptions,
    answer=Operation,
    **COMMAND,
)
async def rotate(call: Call[OperationOptions, Write]) -> Response:
    """Issue new certificates to every proxy of a mesh."""
    return await _on_mesh(call, RotateCertificates())


@routes.add(
    "POST",
    "/v1/meshes/{id}:status",
    "refreshMeshStatus",
    role="operator",
    query=Write,
    body=OperationOptions,
    answer=Operation,
    **COMMAND,
)
async def refresh(call: Call[OperationOptions, Write]) -> Response:
    """Have the adapter read the state of a mesh now and publish it."""
    return await _on_mesh(call, RefreshStatus())


@routes.add(
    "POST",
    "/v1/meshes/{id}:forget",
    "forgetMesh",
    role="operator",
    query=Write,
    body=OperationOptions,
    answer=Operation,
    **COMMAND,
)
async def forget(call: Call[OperationOptions, Write]) -> Response:
    """Manage an adopted mesh no longer. Nothing of it is changed."""
    return await _on_mesh(call, ForgetMesh())


@routes.add(
    "GET",
    "/v1/meshes/{id}",
    "getMesh",
    role="viewer",
    query=Read,
    answer=Mesh,
    headers=("ETag",),
    problems=("store-unavailable", "not-yet-visible"),
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show a mesh."""
    return await views.one(call, kinds.MESHES, call.name(), "mesh")


@routes.add(
    "GET",
    "/v1/meshes/{id}/intents",
    "getMeshIntents",
    role="viewer",
    query=NoQuery,
    answer=MeshIntents,
    problems=tuple(each for each in previews.PROBLEMS if each != "too-large"),
)
async def intents(call: Call[NoBody, NoQuery]) -> Response:
    """Show the intents that a mesh supports, at its version and with its features."""
    mesh = targets.mesh(call.api, call.workspace, call.name())
    return answers.ok(await previews.intents(call.api, call.workspace, mesh))


@routes.add(
    "DELETE",
    "/v1/meshes/{id}",
    "deleteMesh",
    role="operator",
    query=Write,
    body=Removal,
    answer=Operation,
    **COMMAND,
)
async def delete(call: Call[Removal, Write]) -> Response:
    """Remove a mesh with its proxies and policies."""
    return await _on_mesh(call, UninstallMesh(definitions=call.body.definitions))


@accepting.repeatable
async def _on_mesh(call: Call[Any, Write], arguments: Arguments) -> Response:
    return await accepting.accept(
        call, call.body, targets.request_for(targets.mesh(call.api, call.workspace, call.name()), arguments)
    )
