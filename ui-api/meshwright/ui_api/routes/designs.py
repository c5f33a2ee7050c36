"""Designs: versioned documents on STATE; applying one is an operation."""

import functools
from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import DesignVersion, kinds
from meshwright.schemas.base import Model, Name, Text
from meshwright.schemas.designs import Design
from meshwright.schemas.operations import ApplyDesign, Arguments, Operation, RemoveDesign, RollbackDesign
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import Page, Read, Search, Write
from meshwright.ui_api.http.routing import COMMAND, Call, NoBody, Routes, asking
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import accepting, designs, states, targets
from meshwright.ui_api.requests.accepting import OperationOptions

routes = Routes("designs")
_READ = ("store-unavailable", "not-yet-visible")


class DesignPage(Search, frozen=True, kw_only=True):
    """Designs, sorted."""

    order_by: Annotated[
        Literal["id", "id desc", "updated_at", "updated_at desc"], Meta(description="Field and direction.")
    ] = "id"


class OnMesh(OperationOptions, frozen=True, kw_only=True):
    """The mesh of an operation on a design."""

    mesh: Name


class Apply(OnMesh, frozen=True, kw_only=True):
    """Apply a design; `version` is the number of an earlier one, 0 the newest.

    With `take_over` the ownership of fields is taken from other field managers, where the mesh's resources have owners.
    """

    version: Annotated[int, Meta(ge=0)] = 0
    take_over: bool = False


class Rollback(OnMesh, frozen=True, kw_only=True):
    """Go back to `revision` of the releases on that mesh, or to the one before the current."""

    revision: Annotated[int, Meta(ge=1)] | None = None


class Restore(Model, frozen=True, kw_only=True):
    """The number of the version that becomes the newest again."""

    version: Annotated[int, Meta(ge=1)]
    reason: Text = ""


@routes.add(
    "GET",
    "/v1/designs",
    "listDesigns",
    role="viewer",
    query=DesignPage,
    answer=views.listed(Design, counted=True),
    problems=_READ,
)
async def index(call: Call[NoBody, DesignPage]) -> Response:
    """List designs."""
    return await views.page(call, kinds.DESIGNS, None, call.query.order_by)


@routes.add(
    "POST",
    "/v1/designs/{id}:apply",
    "applyDesign",
    role="operator",
    query=Write,
    body=Apply,
    answer=Operation,
    **asking("unsupported-intent"),
)
@accepting.repeatable
async def apply(call: Call[Apply, Write]) -> Response:
    """Make a mesh match a design. The adapter checks it first; what it refuses is refused here."""
    target = targets.mesh(call.api, call.workspace, call.body.mesh, "#/mesh")
    design = await designs.stored(call, call.name(), call.body.version)
    arguments = ApplyDesign(design=design, take_over=call.body.take_over)
    return await accepting.accept(call, call.body, targets.request_for(target, arguments, preview=True))


@routes.add(
    "POST",
    "/v1/designs/{id}:remove",
    "removeDesign",
    role="operator",
    query=Write,
    body=OnMesh,
    answer=Operation,
    **COMMAND,
)
async def remove(call: Call[OnMesh, Write]) -> Response:
    """Undo everything on a mesh that the current release of a design applied.

    The adapter checks it first; what it refuses is refused here.
    """
    return await _on_mesh(call, RemoveDesign(design=call.name()))


@routes.add(
    "POST",
    "/v1/designs/{id}:rollback",
    "rollbackDesign",
    role="operator",
    query=Write,
    body=Rollback,
    answer=Operation,
    **asking("unsupported-intent"),
)
async def rollback(call: Call[Rollback, Write]) -> Response:
    """Apply an earlier revision of a design again. The adapter checks it first; what it refuses is refused here."""
    return await _on_mesh(call, RollbackDesign(design=call.name(), revision=call.body.revision))


@routes.add(
    "POST",
    "/v1/designs/{id}:restore",
    "restoreDesign",
    role="operator",
    query=Write,
    body=Restore,
    answer=Design,
    headers=("ETag", "Meshwright-Seq", "Meshwright-Version"),
    problems=("stale", "if-match-required"),
)
async def restore(call: Call[Restore, Write]) -> Response:
    """Save an earlier version as the newest one; this applies nothing."""
    name = call.name()
    design = await designs.stored(call, name, call.body.version)
    return await designs.save(call, name, design, call.body.reason or call.query.reason)


@routes.add(
    "GET",
    "/v1/designs/{id}/versions",
    "listDesignVersions",
    role="viewer",
    query=Page,
    answer=views.listed(DesignVersion),
    problems=(*_READ, "bus-unavailable"),
)
async def versions(call: Call[NoBody, Page]) -> Response:
    """The history of a design, newest first: who, when and why; a version without `design` is a deletion."""
    known = functools.partial(designs.known, call, call.name())
    return await views.page(call, kinds.DESIGN_VERSIONS, {"id": call.name()}, "version desc", parent=known)


@routes.add(
    "GET",
    "/v1/designs/{id}/versions/{version}",
    "getDesignVersion",
    places={"version": "^[0-9]{1,18}$"},
    role="viewer",
    query=Read,
    answer=DesignVersion,
    headers=("ETag",),
    problems=(*_READ, "bus-unavailable"),
)
async def version(call: Call[NoBody, Read]) -> Response:
    """Show one version of a design."""
    number = int(call.name("version"))
    try:
        return await views.one(call, kinds.DESIGN_VERSIONS, f"{call.name()}/{number}", "version")
    except Refusal as refused:
        if refused.slug != "not-found":
            raise
        raise await designs.no_version(call, call.name(), number) from refused


@routes.add(
    "GET",
    "/v1/designs/{id}",
    "getDesign",
    role="viewer",
    query=Read,
    answer=Design,
    headers=("ETag", "Meshwright-Version"),
    problems=_READ,
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show the newest version of a design."""
    await views.settle(call, kinds.DESIGN_VERSIONS.stream)
    newest = await call.api.views.page(
        kinds.DESIGN_VERSIONS, call.workspace, where={"id": call.name()}, sort="version", descending=True, limit=1
    )
    newest_version = newest.items[0] if newest.items else None
    if newest_version is None or newest_version.document.design is None:
        raise designs.no_design(call, call.name())
    response = views.shown(call, newest_version.document.design, newest_version.seq)
    response.headers[answers.VERSION] = str(newest_version.document.version)
    return response


@routes.add(
    "PUT",
    "/v1/designs/{id}",
    "putDesign",
    role="operator",
    query=Write,
    body=Design,
    body_from_path=True,
    yaml=True,
    answer=Design,
    also={201: "Created."},
    headers=("ETag", "Meshwright-Seq", "Meshwright-Version"),
    problems=("stale", "if-match-required"),
)
async def put(call: Call[Design, Write]) -> Response:
    """Save a version of a design, as JSON or YAML; this applies nothing."""
    return await designs.save(call, call.name(), call.body, call.query.reason)


@routes.add(
    "DELETE",
    "/v1/designs/{id}",
    "deleteDesign",
    role="operator",
    query=Write,
    status=204,
    headers=("Meshwright-Seq",),
    problems=("stale", "if-match-required"),
)
async def delete(call: Call[NoBody, Write]) -> Response:
    """Delete a design; what was applied stays, and its history too."""
    reason = call.reason(call.query.reason)
    validate_only = call.query.validate_only
    seq = await states.delete(
        call, call.workspace, designs.KIND, call.name(), reason, validate_only=validate_only, counted=True
    )
    return answers.nothing(seq)


@accepting.repeatable
async def _on_mesh(call: Call[OnMesh, Write], arguments: Arguments) -> Response:
    await designs.known(call, call.name())
    target = targets.mesh(call.api, call.workspace, call.body.mesh, "#/mesh")
    return await accepting.accept(call, call.body, targets.request_for(target, arguments, preview=True))
