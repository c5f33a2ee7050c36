"""Routes as data: path, role, parameters, bodies and responses, declared once.

Problem: a role check forgotten in one handler is a vulnerability, and documentation written beside the code drifts from
it. Invariant: a request reaches a handler only through its declaration, from which the role check, the decoding and the
OpenAPI document are derived. A handler gets a `Call`, in which everything is checked and typed.
"""

import functools
import re
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from meshwright.schemas.access import Principal, Role
from meshwright.schemas.base import NAME_PATTERN, Model, whole
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.access import authentication
from meshwright.ui_api.access.callers import Caller
from meshwright.ui_api.api import Api
from meshwright.ui_api.http import answers, bodies, queries
from meshwright.ui_api.http.problems import Refusal, invalid, not_found
from meshwright.ui_api.http.queries import NoQuery, Read
from meshwright.ui_api.http.server import scope
from meshwright.ui_api.reading import freshness
from meshwright.ui_api.requests.directory import DEFAULT_WORKSPACE

B = TypeVar("B", covariant=True)
Q = TypeVar("Q", bound=Model, covariant=True)
WORKSPACE = "Meshwright-Workspace"
REASON = "Meshwright-Reason"
COMMAND: dict[str, Any] = {
    "status": 202,
    "headers": ("Location", "Retry-After", "Meshwright-Seq"),
    "problems": (
        "adapter-unavailable",
        "adapter-failed",
        "adapter-slow",
        "target-unavailable",
        "bus-unavailable",
        "idempotency-key-reused",
        "invalid-document",
        "too-large",
    ),
    "idempotent": True,
}
"""the declaration of every route that starts an operation"""


def asking(*problems: str) -> dict[str, Any]:
    """The declaration of such a route with further refusals."""
    return COMMAND | {"problems": (*COMMAND["problems"], *problems)}


_NAME = re.compile(whole(NAME_PATTERN))
TOKEN_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
"""the pattern of a path parameter that is not always a name: any token that is valid in a subject"""
_PLACES = re.compile(r"\{([a-z_]+)\}")
_NOUNS = {"meshes": "mesh", "proxies": "proxy", "deadletters": "dead letter"}
"""what a collection holds, where its name does not end in a plural s alone"""


class NoBody(Model, frozen=True, kw_only=True):
    """A route without a body."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A request header that a route reads; with an empty `pattern` any text. A missing one is an empty text."""

    name: str
    description: str
    pattern: str = ""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route. `role` None: public; `answer` None: no JSON body.

    `everywhere`: only for tokens whose role applies to all workspaces.
    """

    method: str
    path: str
    places: dict[str, str] = {}
    """the pattern of each path parameter that is not a name"""
    operation_id: str
    handler: Callable[["Call[Any, Any]"], Awaitable[Response]]
    tag: str
    role: Role | None
    everywhere: bool = False
    query: type[Model] = NoQuery
    body: type[Model] = NoBody
    yaml: bool = False
    body_from_path: bool = False
    rules: dict[str, Any] = {}
    """the rules of the body, beyond its fields, that JSON Schema can express"""
    further_rules: tuple[str, ...] = ()
    """the rules that it cannot express, as text"""
    answer: Any = None
    status: int = 200
    also: dict[int, str] = {}
    """further statuses with the same body, and their meaning"""
    streams: type[msgspec.Struct] | None = None
    """the type of each event, where the response may be an event stream"""
    media_type: str = "application/json"
    takes: tuple[Header, ...] = ()
    """request headers that only this route reads"""
    headers: tuple[str, ...] = ()
    """the headers of the response"""
    problems: tuple[str, ...] = ()
    idempotent: bool = False
    """takes an Idempotency-Key"""

    def patterns(self) -> dict[str, str]:
        """The pattern of every path parameter."""
        return {place: self.places.get(place, NAME_PATTERN) for place in _PLACES.findall(self.path)}


class Call(Generic[B, Q]):
    """One admitted request."""

    __slots__ = ("api", "body", "caller", "principal", "query", "raw", "request", "route", "workspace")

    def __init__(
        self,
        api: Api,
        request: Request,
        route: Route,
        caller: Caller,
        workspace: str,
        raw: bytes,
        body: B,
        query: Q,
    ) -> None:
        self.api = api
        self.request = request
        self.route = route
        self.caller = caller
        self.principal = caller.principal
        self.workspace = workspace
        self.raw = raw
        self.body = body
        self.query = query

    def name(self, parameter: str = "id") -> str:
        """A path parameter, which matches the pattern that its route declares."""
        return str(self.request.path_params[parameter])

    def header(self, name: str) -> str:
        """A request header, empty when it was not sent."""
        return self.request.headers.get(name, "")

    def reason(self, given: str = "") -> str:
        """The caller's reason: from the body or query (`said`), or else from the header."""
        return given or self.header(REASON)[:2000]


class Routes:
    """The declarations of one group of routes."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.declared: list[Route] = []

    def add(
        self, method: str, path: str, operation_id: str, *, role: Role | None, **more: Any
    ) -> Callable[[Callable[[Call[Any, Any]], Awaitable[Response]]], Callable[[Call[Any, Any]], Awaitable[Response]]]:
        """Register the decorated function as the handler; `more` are the other fields of `Route`."""

        def register(
            handler: Callable[[Call[Any, Any]], Awaitable[Response]],
        ) -> Callable[[Call[Any, Any]], Awaitable[Response]]:
            self.declared.append(
                Route(
                    method=method,
                    path=path,
                    operation_id=operation_id,
                    handler=handler,
                    tag=self.tag,
                    role=role,
                    **more,
                )
            )
            return handler

        return register


def endpoint(route: Route, api: Api) -> Callable[[Request], Awaitable[Response]]:
    """The function that the web framework calls for a route."""

    async def answer(request: Request) -> Response:
        request.scope["meshwright.route"] = route
        caller, workspace = await _admitted(route, api, request)
        check_places(route, request)
        _check_headers(route, request)
        query = queries.decode(request.query_params, route.query)
        raw = b""
        body: Any = None
        if route.body is not NoBody:
            raw = await bodies.read(request)
            body = await _body(route, request, raw)
        response = await route.handler(Call(api, request, route, caller, workspace, raw, body, query))
        if isinstance(query, Read) and response.media_type == answers.JSON:
            response.headers.setdefault(freshness.HEADER, api.freshness.text)
        return response

    return answer


def check_places(route: Route, request: Request) -> None:
    """Raises Refusal `not-found` when a path parameter does not match its pattern."""
    for place, pattern in route.patterns().items():
        value = str(request.path_params[place])
        if not _compiled(pattern).match(value):
            raise not_found(_noun(route.path) if place == "id" else place, value[:64])


def _noun(path: str) -> str:
    """What the `{id}` of a path names: a mesh in `/v1/meshes/{id}`."""
    collection = path.partition("/{id}")[0].rpartition("/")[2]
    return _NOUNS.get(collection, collection.removesuffix("s"))


def _check_headers(route: Route, request: Request) -> None:
    for header in route.takes:
        if header.pattern and not _compiled(header.pattern).match(request.headers.get(header.name, "")):
            raise invalid(f"{header.name}: {header.description}", f"#/header/{header.name}")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(whole(pattern))


_NOBODY = Caller(principal=Principal(name="", role="viewer", workspace=""), credential="", token="")


async def _admitted(route: Route, api: Api, request: Request) -> tuple[Caller, str]:
    if route.role is None:
        return _NOBODY, DEFAULT_WORKSPACE
    caller = await api.callers.caller(request)
    principal = caller.principal
    request.scope["meshwright.principal"] = principal
    scope.authenticated(request.scope)
    own = DEFAULT_WORKSPACE if principal.workspace == "*" else principal.workspace
    workspace = request.headers.get(WORKSPACE, own)
    if not _NAME.match(workspace):
        raise invalid(f"{WORKSPACE} must be a workspace's name", f"#/header/{WORKSPACE}")
    api.access_control.admit(principal, workspace, route.role)
    if route.everywhere:
        authentication.everywhere(principal)
    return caller, workspace


async def _body(route: Route, request: Request, raw: bytes) -> Any:
    if not raw and _may_be_empty(route.body):
        return route.body()
    plain = await bodies.plain(request, raw, yaml=route.yaml)
    if route.body_from_path and isinstance(plain, dict):
        plain = _with_id(plain, str(request.path_params["id"]))
    return bodies.typed(plain, route.body)


@functools.cache
def _may_be_empty(body: type[Any]) -> bool:
    return all(not field.required for field in msgspec.structs.fields(body))


def _with_id(plain: dict[str, Any], name: str) -> dict[str, Any]:
    """Checks the id of a document, which may be omitted, because the path contains it, but may not contradict the
    path.
    """
    if plain.setdefault("id", name) != name:
        raise Refusal(
            "invalid-document",
            "the id in the document is not the one in the path",
            errors=[FieldError(detail=f"must be {name!r} or omitted", pointer="#/id")],
        )
    return plain
