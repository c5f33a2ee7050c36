"""Finding the target of an operation: the mesh and its adapter, or the connection of a future mesh.

Invariant: an adapter gets no request for a mesh or connection that does not exist; the data comes from the bus.
"""

import msgspec

from meshwright.schemas.base import Name
from meshwright.schemas.connections import Connection
from meshwright.schemas.errors import FieldError
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.operations import Arguments
from meshwright.ui_api.api import Api
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.requests import accepting

_KIND_BY_CONNECTION = {"envoy-fleet": "envoy"}
"""where a connection can hold only one kind of mesh, it need not be said"""


class NewMesh(accepting.OperationOptions, frozen=True, kw_only=True):
    """The request for a new or adopted mesh.

    `kind` is needed where the connection supports several, `adapter` where several live ones serve that kind.
    """

    id: Name
    connection: Name
    kind: str = ""
    adapter: Name | None = None


def mesh(api: Api, workspace: str, name: str, pointer: str = "") -> Mesh:
    """The mesh of that name.

    Raises Refusal: `not-found`, or `invalid-document` at `pointer` when the name was in a body.
    """
    document = api.directory.mesh(workspace, name)
    if document is None:
        raise _missing("mesh", name, pointer, api.directory.meshes(workspace))
    return document


def connection(api: Api, workspace: str, name: str, pointer: str = "") -> Connection:
    """The connection of that name; raises as `mesh` does."""
    document = api.directory.connection(workspace, name)
    if document is None:
        raise _missing("connection", name, pointer, api.directory.connections(workspace))
    return document


def request_for(target: Mesh, arguments: Arguments, *, preview: bool = False) -> accepting.OperationRequest:
    """An operation on a mesh by its adapter."""
    return accepting.OperationRequest(
        adapter=target.adapter,
        connection=target.connection,
        mesh=target.id,
        kind=arguments.kind.name,
        version=arguments.kind.version,
        arguments=msgspec.to_builtins(arguments),
        preview=preview,
    )


def request_for_new(api: Api, workspace: str, asked: NewMesh, arguments: Arguments) -> accepting.OperationRequest:
    """An operation that brings a mesh, by the adapter of the one that has its name already, or else of its kind.

    Raises Refusal: `already-exists`, `invalid-document`, `adapter-unavailable`.
    """
    place = connection(api, workspace, asked.connection, "#/connection")
    standing = api.directory.mesh(workspace, asked.id)
    if standing is not None and standing.connection != asked.connection:
        raise Refusal("already-exists", f"mesh {asked.id} is on connection {standing.connection}")
    if standing is not None and asked.adapter not in (None, standing.adapter):
        raise Refusal(
            "already-exists", f"mesh {asked.id} belongs to the adapter {standing.adapter}, which cannot be changed"
        )
    if standing is not None:
        adapter = standing.adapter
    else:
        adapter = api.live_adapters.adapter_for(_kind(api, asked, place), place.kind, asked.adapter)
    return accepting.OperationRequest(
        adapter=adapter,
        connection=asked.connection,
        mesh=asked.id,
        kind=arguments.kind.name,
        version=arguments.kind.version,
        arguments=msgspec.to_builtins(arguments),
    )


def _kind(api: Api, asked: NewMesh, place: Connection) -> str:
    served = api.live_adapters.mesh_kinds(place.kind)
    kind = asked.kind or (served[0] if len(served) == 1 else _KIND_BY_CONNECTION.get(place.kind, ""))
    if not kind:
        detail = f"name the kind of mesh: a {place.kind} connection supports several"
        raise Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer="#/kind")])
    return kind


def _missing(what: str, name: str, pointer: str, known: list[str]) -> Refusal:
    refusal = not_found(what, name, known)
    if not pointer:
        return refusal
    errors = [FieldError(detail=refusal.detail, pointer=pointer)]
    return Refusal("invalid-document", refusal.detail, errors=errors, remedy=refusal.remedy)
