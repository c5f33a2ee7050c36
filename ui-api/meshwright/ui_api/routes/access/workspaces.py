"""Workspaces (tenants). Only an admin of all workspaces creates or removes one."""

import datetime
from typing import Any

from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.schemas.access import Workspace, WorkspaceWritten
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.access.authentication import EVERYWHERE
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import NoQuery, Write
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import states
from meshwright.ui_api.requests.directory import DEFAULT_WORKSPACE

routes = Routes("workspaces")
_KIND = "workspace"


@routes.add("GET", "/v1/workspaces", "listWorkspaces", role="viewer", answer=views.listed(Workspace))
async def index(call: Call[NoBody, NoQuery]) -> Response:
    """List the workspaces that the token may see; always in one page."""
    known = {DEFAULT_WORKSPACE: Workspace(id=DEFAULT_WORKSPACE)} | call.api.directory.workspaces
    seen = call.principal.workspace
    return views.whole([known[name] for name in sorted(known) if seen in (EVERYWHERE, name)])


@routes.add(
    "GET",
    "/v1/workspaces/{id}",
    "getWorkspace",
    role="viewer",
    answer=Workspace,
    headers=("ETag",),
    problems=("bus-unavailable",),
)
async def show(call: Call[NoBody, NoQuery]) -> Response:
    """Show a workspace."""
    name = call.name()
    if call.principal.workspace not in (EVERYWHERE, name):
        raise not_found(_KIND, name)
    stored = await states.current(call.api.bus, name, _KIND, name)
    if stored is not None:
        written: Any = states.document(stored, WorkspaceWritten)
        return views.shown(call, written.document, stored.seq)
    if name != DEFAULT_WORKSPACE:
        raise not_found(_KIND, name)
    return answers.ok(Workspace(id=name))


@routes.add(
    "PUT",
    "/v1/workspaces/{id}",
    "putWorkspace",
    further_rules=("`id` is not `system`, which is reserved.",),
    role="admin",
    everywhere=True,
    query=Write,
    body=Workspace,
    body_from_path=True,
    answer=Workspace,
    also={201: "Created."},
    headers=("ETag", "Meshwright-Seq"),
    problems=("stale", "if-match-required"),
)
async def put(call: Call[Workspace, Write]) -> Response:
    """Create or change a workspace."""
    name = call.name()
    if name == "system":
        detail = "the name `system` is reserved"
        raise Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer="#/id")])
    before = await states.standing(call, name, _KIND, name)
    message = WorkspaceWritten(
        document=call.body,
        principal=call.principal.name,
        reason=call.reason(call.query.reason),
        anew=before.version is None and before.seq > 0 and name != DEFAULT_WORKSPACE,
        made_at=_made_at(before.version) if before.version else None,
    )
    written = await states.replace(call, name, _KIND, name, message, before, validate_only=call.query.validate_only)
    return states.answer(written, call.body)


def _made_at(version: mwbus.Received) -> datetime.datetime | None:
    """The creation time of this version's workspace if it replaced another one; None for the first of its name."""
    message: Any = states.document(version, WorkspaceWritten)
    return version.stored_at() if message.anew else message.made_at


@routes.add(
    "DELETE",
    "/v1/workspaces/{id}",
    "deleteWorkspace",
    role="admin",
    everywhere=True,
    query=Write,
    status=204,
    headers=("Meshwright-Seq",),
    problems=("stale", "if-match-required", "in-use"),
)
async def delete(call: Call[NoBody, Write]) -> Response:
    """Remove an empty workspace."""
    name = call.name()
    # anything left would exist, and be active, in a later workspace of that name
    if left := call.api.directory.held(name):
        raise Refusal("in-use", f"workspace {name} still has {' and '.join(left)}: remove them first")
    reason = call.reason(call.query.reason)
    return answers.nothing(await states.delete(call, name, _KIND, name, reason, validate_only=call.query.validate_only))
