"""The newest lines of the logs of proxies and workloads, and what a proxy tells of itself, as a worker reads them.

Invariant: nothing is stored; an answer is bounded, and what cannot be read is refused with the reason.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.schemas import ids
from meshwright.schemas.base import Model
from meshwright.schemas.workloads import ENTITY_PATTERN, MOST_LOG_LINES, LogRequest, Logs, ProxyAccount, ProxyRequest
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import NoQuery
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.requests import previews, targets

routes = Routes("workloads")
_ENTITY = {"id": ENTITY_PATTERN}
_LOGS = msgspec.json.Decoder(Logs)
_ACCOUNT = msgspec.json.Decoder(ProxyAccount)


class LogQuery(Model, frozen=True, kw_only=True):
    """How much, and of which container."""

    lines: Annotated[int, Meta(ge=1, le=MOST_LOG_LINES, description="The newest lines of each part.")] = 100
    container: Annotated[str, Meta(max_length=253, description="One container of a pod; default the one meant.")] = ""


@routes.add(
    "GET",
    "/v1/proxies/{id}/logs",
    "getProxyLogs",
    places=_ENTITY,
    role="operator",
    query=LogQuery,
    answer=Logs,
    problems=previews.PROBLEMS,
)
async def of_proxy(call: Call[NoBody, LogQuery]) -> Response:
    """Show the newest lines of a proxy's log."""
    return await _logs(call, "proxy")


@routes.add(
    "GET",
    "/v1/proxies/{id}/account",
    "getProxyAccount",
    places=_ENTITY,
    role="operator",
    answer=ProxyAccount,
    problems=previews.PROBLEMS,
)
async def account(call: Call[NoBody, NoQuery]) -> Response:
    """Show what a proxy tells of itself: the certificates that it holds, and the configuration that it runs with."""
    parts = ids.parts(call.name())
    if not (2 <= len(parts) <= 3 and parts[0]):
        raise not_found("proxy", call.name())
    mesh, *scope, name = parts
    target = targets.mesh(call.api, call.workspace, mesh)
    raw = {"workspace": call.workspace, "connection": target.connection, "mesh": mesh, "name": name}
    raw["namespace"] = scope[0] if scope else ""
    return await _asked(call, "proxy", raw, ProxyRequest, target.adapter, "proxy", _ACCOUNT)


@routes.add(
    "GET",
    "/v1/workloads/{id}/logs",
    "getWorkloadLogs",
    places=_ENTITY,
    role="operator",
    query=LogQuery,
    answer=Logs,
    problems=previews.PROBLEMS,
)
async def of_workload(call: Call[NoBody, LogQuery]) -> Response:
    """Show the newest lines of a workload's own logs, where the platform of its mesh keeps them."""
    return await _logs(call, "workload")


async def _logs(call: Call[NoBody, LogQuery], of: Literal["proxy", "workload"]) -> Response:
    parts = ids.parts(call.name())
    if not (2 <= len(parts) <= 4 and parts[0]):
        raise not_found(of, call.name())
    mesh, *scope, name = parts
    target = targets.mesh(call.api, call.workspace, mesh)
    raw = {
        "workspace": call.workspace,
        "connection": target.connection,
        "mesh": mesh,
        "of": of,
        "namespace": scope[0] if scope else "",
        "kind": scope[1] if len(scope) > 1 else "",
        "name": name,
        "lines": call.query.lines,
        "container": call.query.container,
    }
    return await _asked(call, of, raw, LogRequest, target.adapter, "logs", _LOGS)


async def _asked(
    call: Call[NoBody, Any],
    of: str,
    raw: dict[str, Any],
    kind: type[Model],
    adapter: str,
    endpoint: str,
    decoder: msgspec.json.Decoder[Any],
) -> Response:
    """The answer of a worker about one entity. Raises Refusal."""
    try:
        payload = msgspec.json.encode(msgspec.convert(raw, kind))
    except msgspec.ValidationError as error:
        raise not_found(of, call.name()) from error
    try:
        return answers.ok(await previews.ask(call.api, adapter, endpoint, payload, decoder, previews.PREVIEW_S))
    except Refusal as refused:
        if refused.slug != "invalid-document":
            raise
        raise Refusal("not-found", refused.detail, remedy=refused.remedy) from refused  # there is no such thing here
