"""The web application: the declared routes inside FastAPI, every refusal as problem+json.

Invariant: every response comes from a declared route, belongs to the dashboard or is a `Problem`; FastAPI is used for
routing only, since bodies, responses and the OpenAPI document come from the contract's Structs.
"""

from collections.abc import Awaitable, Callable
from functools import cache

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as PlainRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.ui_api.api import Api
from meshwright.ui_api.http import problems, routing
from meshwright.ui_api.http.base_path import BasePath
from meshwright.ui_api.http.compression import Compressed
from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.http.frame import Frame
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.routing import Route
from meshwright.ui_api.routes import ALL
from meshwright.ui_api.web.dashboard import Dashboard

VERSION = "0.1.0"


def create_app(api: Api, dashboard: Dashboard, base_path: str = "", *, forwarded_prefix: bool = False) -> ASGIApp:
    """The application over these parts, below a proxy's path if one is given."""
    app = FastAPI(
        title="Meshwright",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # `Frame` creates the only span of a request, and counts it
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.openapi = cache(lambda: openapi.document(ALL, VERSION))  # type: ignore[method-assign]
    for path, by_method in _by_path(ALL).items():
        # A plain route: parameters, bodies and documents are Meshwright's, so FastAPI's own handling of them would only
        # double the cost of a request.
        app.router.routes.append(PlainRoute(path, _Resource(by_method, api), include_in_schema=False))

    async def on_missing(request: Request, error: Exception) -> Response:
        page = await dashboard.answer(request)
        return page or _refuse(api, request, Refusal("not-found", "nothing is served at this path"))

    app.add_exception_handler(404, on_missing)
    based = BasePath(app, base_path, api.refusals, forwarded=forwarded_prefix)
    return Frame(Compressed(based), api.meters, api.refusals)


def _by_path(routes: tuple[Route, ...]) -> dict[str, dict[str, Route]]:
    """The routes of each path by method, in the order of matching: a verb (`/{id}:apply`) before the plain resource."""
    routes_of: dict[str, dict[str, Route]] = {}
    for route in sorted(routes, key=lambda route: "}:" not in route.path):
        routes_of.setdefault(route.path, {})[route.method] = route
    return routes_of


class _Resource:
    """One path as an ASGI application: each method by its route, other methods are refused with an Allow header."""

    def __init__(self, by_method: dict[str, Route], api: Api) -> None:
        self._api = api
        self._any = next(iter(by_method.values()))
        self._answers = {method: _endpoint(route, api) for method, route in by_method.items()}
        if "GET" in self._answers:
            self._answers["HEAD"] = self._answers["GET"]
        self._allow = {"Allow": ", ".join(sorted((*self._answers, "OPTIONS")))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await self._answers.get(request.method, self._other)(request)
        await response(scope, receive, send)

    async def _other(self, request: Request) -> Response:
        try:
            routing.check_places(self._any, request)
        except Refusal as refused:
            return _refuse(self._api, request, refused)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=self._allow)
        return _refuse(self._api, request, Refusal("method-not-allowed", headers=self._allow))


def _endpoint(route: Route, api: Api) -> Callable[[Request], Awaitable[Response]]:
    answer = routing.endpoint(route, api)

    async def guarded(request: Request) -> Response:
        try:
            return await answer(request)
        except Refusal as refused:
            return _refuse(api, request, refused)
        except (mwbus.BusError, store.StoreError) as error:
            return _refuse(api, request, translated(error))
        except Exception:
            # caught here, because the web framework would respond with a text of its own
            api.refusals.defect()
            return _refuse(api, request, Refusal("internal"))

    return guarded


def translated(error: mwbus.BusError | store.StoreError) -> Refusal:
    """An error of the bus or the store, converted to a refusal of the API."""
    match error:
        case store.NotYetVisible():
            return Refusal("not-yet-visible", str(error))
        case store.UnknownField() | store.InvalidCursor():
            return problems.invalid(str(error), "#/query")
        case store.StoreError():
            return Refusal("store-unavailable", "the database did not answer in time")
        case mwbus.TooLarge():
            return Refusal("too-large", str(error))
        case mwbus.Conflict():
            return Refusal("stale", str(error))
        case mwbus.BusFull():
            return Refusal(
                "bus-unavailable",
                "the stream is full; nothing was written",
                remedy="Give the streams more room (MESHWRIGHT_STREAMS_GIB), or wait until old messages expire.",
                headers={"Retry-After": "10"},
            )
        case _:
            return Refusal("bus-unavailable", "the bus did not answer in time")


def _refuse(api: Api, request: Request, refused: Refusal) -> Response:
    scope = request.scope
    route, caller = scope.get("meshwright.route"), scope.get("meshwright.principal")
    api.refusals.tell(
        refused,
        route=route.operation_id if route else "none",
        principal=caller.name if caller else "",
        workspace=caller.workspace if caller else "",
    )
    return problems.answer(refused, request.url.path)
