"""The web application: the declared routes inside FastAPI, every refusal as problem+json.

Invariant: nothing answers but a declared route or a `Problem`; FastAPI routes and nothing more, since bodies,
answers and the OpenAPI document come from the contract's Structs.
"""

from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.ui_api.api import Api
from meshwright.ui_api.http import problems, routing
from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.http.frame import Frame
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.routing import Route
from meshwright.ui_api.routes import ALL

VERSION = "0.1.0"
_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}


def create_app(api: Api) -> ASGIApp:
    """The application over these parts."""
    app = FastAPI(
        title="Meshwright",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # `Frame` makes the one span of a request, and counts it.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.openapi = cache(lambda: openapi.document(ALL, VERSION))  # type: ignore[method-assign]
    for route in ALL:
        # A plain route: parameters, bodies and documents are ours, so FastAPI's own handling of them would only
        # double the cost of a request.
        app.add_route(route.path, _endpoint(route, api), methods=[route.method], include_in_schema=False)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slug = _BY_STATUS.get(error.status_code, "invalid-request")
        if slug == "method-not-allowed":
            return _refuse(api, request, Refusal(slug, headers={"Allow": _allowed(request)}))
        return _refuse(api, request, Refusal(slug, "nothing is served at this path", headers=dict(error.headers or {})))

    async def on_invalid(request: Request, error: Exception) -> Response:
        return _refuse(api, request, Refusal("invalid-request", "the request cannot be read"))

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    return Frame(app, api.meters, api.refusals)


def _endpoint(route: Route, api: Api) -> Any:
    answer = routing.endpoint(route, api)

    async def guarded(request: Request) -> Response:
        try:
            return await answer(request)
        except Refusal as refused:
            return _refuse(api, request, refused)
        except (mwbus.BusError, store.StoreError) as error:
            return _refuse(api, request, translated(error))
        except Exception:
            # Caught here, because the web framework would answer with a text of its own.
            api.refusals.defect()
            return _refuse(api, request, Refusal("internal"))

    return guarded


def _allowed(request: Request) -> str:
    """Every method that some route takes at this path; each route knows only its own."""
    found = {
        method
        for route in request.app.routes
        if isinstance(route, StarletteRoute) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return ", ".join(sorted(found))


def translated(error: mwbus.BusError | store.StoreError) -> Refusal:
    """A refusal of the bus or the store, as one of the API."""
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
                remedy="Give the streams more room (MESHWRIGHT_STREAMS_GIB), or wait until old messages have aged.",
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
