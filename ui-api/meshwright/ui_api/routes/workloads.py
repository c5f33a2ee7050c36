"""Workloads and their proxies: enrolled and withdrawn by operations, observed by the adapter."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.schemas import ids
from meshwright.schemas.base import service_parts
from meshwright.schemas.designs import twice_named
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import Operation, WithdrawWorkloads, enrolling
from meshwright.schemas.workloads import (
    ENTITY_PATTERN,
    AnyEnrolment,
    AnyMember,
    ControllerMember,
    ProcessMember,
    Proxy,
    SyncState,
    Workload,
    WorkloadKind,
    WorkloadSpec,
)
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import Read, Search, Write
from meshwright.ui_api.http.routing import COMMAND, Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import accepting, targets
from meshwright.ui_api.requests.accepting import OperationOptions

routes = Routes("workloads")


class WorkloadPage(Search, frozen=True, kw_only=True):
    """Workloads, filtered and sorted. `service` may be `namespace/name`."""

    mesh: str = ""
    connection: str = ""
    namespace: str = ""
    kind: WorkloadKind | None = None
    name: str = ""
    service: str = ""
    version: str = ""
    order_by: Annotated[
        Literal[
            "id",
            "id desc",
            "name",
            "name desc",
            "service",
            "service desc",
            "namespace",
            "namespace desc",
            "version",
            "version desc",
        ],
        Meta(description="Field and direction."),
    ] = "id"


class ProxyPage(Search, frozen=True, kw_only=True):
    """Proxies, filtered and sorted. `workload` is the id of one."""

    mesh: str = ""
    namespace: str = ""
    name: str = ""
    workload: str = ""
    state: SyncState | None = None
    order_by: Annotated[
        Literal[
            "id",
            "id desc",
            "name",
            "name desc",
            "workload",
            "workload desc",
            "state",
            "state desc",
            "namespace",
            "namespace desc",
            "version",
            "version desc",
        ],
        Meta(description="Field and direction."),
    ] = "id"


class Enrol(OperationOptions, frozen=True, kw_only=True):
    """What to enrol: processes in `workloads`, as in a design, and other members in `members`."""

    workloads: Annotated[list[WorkloadSpec], Meta(max_length=500)] = []
    members: Annotated[list[AnyEnrolment], Meta(max_length=500)] = []


class Withdraw(OperationOptions, frozen=True, kw_only=True):
    """What to withdraw, by reference."""

    members: Annotated[list[AnyMember], Meta(min_length=1, max_length=500)]


_ENTITY = {"id": ENTITY_PATTERN}
_READ = ("store-unavailable", "not-yet-visible")


@routes.add(
    "GET",
    "/v1/workloads",
    "listWorkloads",
    role="viewer",
    query=WorkloadPage,
    answer=views.listed(Workload, counted=True),
    problems=_READ,
)
async def index(call: Call[NoBody, WorkloadPage]) -> Response:
    """List workloads of all meshes."""
    return await _workloads(call, call.query.mesh)


@routes.add(
    "GET",
    "/v1/meshes/{id}/workloads",
    "listMeshWorkloads",
    role="viewer",
    query=WorkloadPage,
    answer=views.listed(Workload, counted=True),
    problems=_READ,
)
async def of_mesh(call: Call[NoBody, WorkloadPage]) -> Response:
    """List the workloads of a mesh."""
    targets.mesh(call.api, call.workspace, call.name())
    return await _workloads(call, call.name())


@routes.add(
    "POST",
    "/v1/meshes/{id}/workloads",
    "enrolWorkloads",
    role="operator",
    query=Write,
    body=Enrol,
    rules={
        "anyOf": [{"required": [name], "properties": {name: {"minItems": 1}}} for name in ("workloads", "members")],
    },
    answer=Operation,
    **COMMAND,
)
@accepting.repeatable
async def enrol(call: Call[Enrol, Write]) -> Response:
    """Give workloads a proxy and an identity; enrolling one twice changes nothing."""
    asked = call.body
    if not asked.workloads and not asked.members:
        error = FieldError(detail="name at least one workload", pointer="#/workloads")
        raise Refusal("invalid-document", "nothing to enrol was named", errors=[error])
    if twice := twice_named(asked.workloads):
        raise Refusal("invalid-document", "a workload is named twice", errors=twice)
    target = targets.mesh(call.api, call.workspace, call.name())
    return await accepting.accept(call, asked, targets.request_for(target, enrolling(asked.workloads, asked.members)))


@routes.add(
    "POST",
    "/v1/meshes/{id}:withdraw",
    "withdrawMembers",
    role="operator",
    query=Write,
    body=Withdraw,
    answer=Operation,
    **COMMAND,
)
@accepting.repeatable
async def withdraw_members(call: Call[Withdraw, Write]) -> Response:
    """Withdraw workloads or whole namespaces from a mesh."""
    target = targets.mesh(call.api, call.workspace, call.name())
    return await accepting.accept(
        call, call.body, targets.request_for(target, WithdrawWorkloads(workloads=call.body.members))
    )


@routes.add(
    "GET",
    "/v1/workloads/{id}",
    "getWorkload",
    places=_ENTITY,
    role="viewer",
    query=Read,
    answer=Workload,
    headers=("ETag",),
    problems=_READ,
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show a workload."""
    return await views.one(call, kinds.WORKLOADS, call.name(), "workload")


@routes.add(
    "DELETE",
    "/v1/workloads/{id}",
    "withdrawWorkload",
    places=_ENTITY,
    role="operator",
    query=Write,
    body=OperationOptions,
    answer=Operation,
    **COMMAND,
)
@accepting.repeatable
async def withdraw(call: Call[OperationOptions, Write]) -> Response:
    """Withdraw a workload from its mesh."""
    mesh, member = _member(call.name())
    target = targets.mesh(call.api, call.workspace, mesh)
    return await accepting.accept(call, call.body, targets.request_for(target, WithdrawWorkloads(workloads=[member])))


@routes.add(
    "GET",
    "/v1/proxies",
    "listProxies",
    role="viewer",
    query=ProxyPage,
    answer=views.listed(Proxy, counted=True),
    problems=_READ,
)
async def proxies(call: Call[NoBody, ProxyPage]) -> Response:
    """List proxies with their configuration status."""
    query = call.query
    where = {
        "mesh": query.mesh,
        "namespace": query.namespace,
        "name": query.name,
        "workload": query.workload,
        "state": query.state,
    }
    return await views.page(call, kinds.PROXIES, where, query.order_by)


@routes.add(
    "GET",
    "/v1/proxies/{id}",
    "getProxy",
    places=_ENTITY,
    role="viewer",
    query=Read,
    answer=Proxy,
    headers=("ETag",),
    problems=_READ,
)
async def proxy(call: Call[NoBody, Read]) -> Response:
    """Show a proxy: the configuration that it was sent, accepted and rejected, in its own words."""
    return await views.one(call, kinds.PROXIES, call.name(), "proxy")


async def _workloads(call: Call[NoBody, WorkloadPage], mesh: str) -> Response:
    query = call.query
    namespace, service = service_parts(query.service, query.namespace)
    where = {
        "mesh": mesh,
        "connection": query.connection,
        "namespace": namespace,
        "kind": query.kind,
        "name": query.name,
        "service": service,
        "version": query.version,
    }
    return await views.page(call, kinds.WORKLOADS, where, query.order_by)


def _member(entity: str) -> tuple[str, AnyMember]:
    """The mesh of a workload, and its reference there. Raises Refusal `not-found` if it is not a workload."""
    try:
        mesh, namespace, kind, name = ids.parts(entity)
        if kind == "process":
            return mesh, msgspec.convert({"member": kind, "namespace": namespace, "name": name}, ProcessMember)
        raw = {"member": "workload", "namespace": namespace, "kind": kind, "name": name}
        return mesh, msgspec.convert(raw, ControllerMember)
    except (ValueError, msgspec.ValidationError) as error:
        raise not_found("workload", entity) from error
