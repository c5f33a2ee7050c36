"""Workloads and their proxies: enrolled and withdrawn by operations, seen by the adapter."""

from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import EnrolWorkloads, Operation, WithdrawWorkloads
from meshwright.schemas.workloads import Proxy, SyncState, Workload, WorkloadSpec
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import Page, Read, Write
from meshwright.ui_api.http.routing import COMMAND, Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import accepting, targets
from meshwright.ui_api.requests.accepting import OperationOptions, OperationRequest

routes = Routes("workloads")


class WorkloadPage(Page, frozen=True, kw_only=True):
    """Workloads, filtered and sorted."""

    mesh: str = ""
    connection: str = ""
    service: str = ""
    version: str = ""
    order_by: Annotated[
        Literal["id", "id desc", "service", "service desc"], Meta(description="Field and direction.")
    ] = "id"


class ProxyPage(Page, frozen=True, kw_only=True):
    """Proxies, filtered and sorted."""

    mesh: str = ""
    workload: str = ""
    state: SyncState | None = None
    order_by: Annotated[
        Literal["id", "id desc", "workload", "workload desc", "state", "state desc"],
        Meta(description="Field and direction."),
    ] = "id"


class Enrol(OperationOptions, frozen=True, kw_only=True):
    """Workloads to enrol."""

    workloads: Annotated[list[WorkloadSpec], Meta(min_length=1, max_length=500)]


_READ = ("store-unavailable", "not-yet-visible")


@routes.add(
    "GET",
    "/v1/workloads",
    "listWorkloads",
    role="viewer",
    query=WorkloadPage,
    answer=views.listed(Workload),
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
    answer=views.listed(Workload),
    problems=_READ,
)
async def of_mesh(call: Call[NoBody, WorkloadPage]) -> Response:
    """List the workloads of a mesh."""
    return await _workloads(call, call.name())


@routes.add(
    "POST",
    "/v1/meshes/{id}/workloads",
    "enrolWorkloads",
    role="operator",
    query=Write,
    body=Enrol,
    answer=Operation,
    **COMMAND,
)
async def enrol(call: Call[Enrol, Write]) -> Response:
    """Give workloads a proxy and an identity; enrolling one twice changes nothing."""
    asked = call.body
    names = [workload.name for workload in asked.workloads]
    twice = [
        FieldError(detail=f"{name} is named twice", pointer=f"#/workloads/{index}/name")
        for index, name in enumerate(names)
        if name in names[:index]
    ]
    if twice:
        raise Refusal("invalid-document", "a workload is named twice", errors=twice)

    async def build() -> OperationRequest:
        target = targets.mesh(call.api, call.workspace, call.name())
        return targets.request_for(target, EnrolWorkloads(workloads=asked.workloads))

    return await accepting.accept(call, asked, build)


@routes.add(
    "GET",
    "/v1/meshes/{id}/workloads/{name}",
    "getWorkload",
    role="viewer",
    query=Read,
    answer=Workload,
    headers=("ETag",),
    problems=_READ,
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show a workload."""
    return await views.one(call, kinds.WORKLOADS, f"{call.name()}/{call.name('name')}", "workload")


@routes.add(
    "DELETE",
    "/v1/meshes/{id}/workloads/{name}",
    "withdrawWorkload",
    role="operator",
    query=Write,
    body=OperationOptions,
    answer=Operation,
    **COMMAND,
)
async def withdraw(call: Call[OperationOptions, Write]) -> Response:
    """Take a workload out of its mesh."""

    async def build() -> OperationRequest:
        target = targets.mesh(call.api, call.workspace, call.name())
        return targets.request_for(target, WithdrawWorkloads(workloads=[call.name("name")]))

    return await accepting.accept(call, call.body, build)


@routes.add(
    "GET", "/v1/proxies", "listProxies", role="viewer", query=ProxyPage, answer=views.listed(Proxy), problems=_READ
)
async def proxies(call: Call[NoBody, ProxyPage]) -> Response:
    """List proxies with their configuration status."""
    query = call.query
    where = {"mesh": query.mesh, "workload": query.workload, "state": query.state}
    return await views.page(call, kinds.PROXIES, where, query.order_by)


@routes.add(
    "GET",
    "/v1/meshes/{id}/proxies/{name}",
    "getProxy",
    role="viewer",
    query=Read,
    answer=Proxy,
    headers=("ETag",),
    problems=_READ,
)
async def proxy(call: Call[NoBody, Read]) -> Response:
    """Show a proxy: what it was sent, what it took, and what it refused in its own words."""
    return await views.one(call, kinds.PROXIES, f"{call.name()}/{call.name('name')}", "proxy")


async def _workloads(call: Call[NoBody, WorkloadPage], mesh: str) -> Response:
    query = call.query
    where = {"mesh": mesh, "connection": query.connection, "service": query.service, "version": query.version}
    return await views.page(call, kinds.WORKLOADS, where, query.order_by)
