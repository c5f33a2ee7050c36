"""Finding what an operation is for: the mesh and its adapter, or the connection of a mesh to be.

Invariant: nothing is asked of an adapter for a mesh or connection that is not there; the answer comes from the bus.
"""

import msgspec

from meshwright.schemas.connections import Connection
from meshwright.schemas.errors import FieldError
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.operations import Arguments
from meshwright.ui_api.api import Api
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.requests import accepting


def mesh(api: Api, workspace: str, name: str, pointer: str = "") -> Mesh:
    """The mesh of that name.

    Raises Refusal: `not-found`, or `invalid-document` at `pointer` when the name stood in a body.
    """
    document = api.directory.mesh(workspace, name)
    if document is None:
        raise _missing("mesh", name, pointer)
    return document


def connection(api: Api, workspace: str, name: str, pointer: str = "") -> Connection:
    """The connection of that name; raises as `mesh` does."""
    document = api.directory.connection(workspace, name)
    if document is None:
        raise _missing("connection", name, pointer)
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


def _missing(what: str, name: str, pointer: str) -> Refusal:
    if not pointer:
        return not_found(what, name)
    detail = f"there is no {what} {name!r} in this workspace"
    return Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer=pointer)])
