"""The process itself: liveness, readiness, metrics, documentation."""

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import kinds
from meshwright.core.telemetry import metrics, process
from meshwright.schemas import subjects
from meshwright.schemas.access import Principal
from meshwright.schemas.base import Model
from meshwright.schemas.documents import asyncapi
from meshwright.schemas.errors import PROBLEM_TYPES
from meshwright.ui_api.api import Api
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.documents import pages
from meshwright.ui_api.http.problems import not_found
from meshwright.ui_api.http.queries import NoQuery
from meshwright.ui_api.http.routing import Call, NoBody, Routes

routes = Routes("system")
_LOOK_S = 1.0
"""time-out in seconds for a check of a dependency"""
_STORE_S = 2.5
"""the same for a write, which waits for the server's disk"""
_FULL = 0.95
_PROXIED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
"""a request with one of these headers came through a proxy, so its address is not the client's"""
_ROLLING = (subjects.METRICS.stream,)
"""a stream that is always full, because its oldest messages are discarded"""


class Dependency(Model, frozen=True, kw_only=True):
    """One server that the API needs: whether it answers, and what is impossible while it does not."""

    ok: bool
    milliseconds: float
    detail: str = ""


class Readiness(Model, frozen=True, kw_only=True):
    """Whether this process can do its work.

    `storing` is ok when NATS has just stored a write: it may answer and store nothing, when its disk is or was full.
    `views` is not ok when no projector runs or they are a minute old; `behind` is the number of events that they lack,
    and they contain everything that was stored `age` seconds ago. `full` names the streams that soon accept no more
    messages: requests that need them wait or are refused, others continue.
    """

    ready: bool
    bus: Dependency
    storing: Dependency
    store: Dependency
    directory: Dependency
    views: Dependency
    age: float | None = None
    behind: int | None = None
    full: list[str] = []


class Liveness(Model, frozen=True, kw_only=True):
    """The process answers; nothing else is checked."""

    status: str = "alive"


@routes.add("GET", "/healthz", "getHealth", role=None, answer=Liveness)
async def healthz(call: Call[NoBody, NoQuery]) -> Response:
    """Whether the process is alive."""
    return answers.ok(Liveness())


@routes.add("GET", "/readyz", "getReadiness", role=None, answer=Readiness, also={503: "Not ready."})
async def readyz(call: Call[NoBody, NoQuery]) -> Response:
    """Check whether the process can do its work, by dependency; 503 when it cannot."""
    api = call.api
    ends: dict[str, int] = {}
    full: list[str] = []

    async def see_bus() -> None:
        ends["events"] = (await api.bus.stream_bounds(subjects.EVENTS.stream))[1]
        full.extend(
            sorted(name for name, part in (await api.bus.fill()).items() if name not in _ROLLING and part > _FULL)
        )

    async def see_store() -> None:
        ends["seen"] = (await api.views.position(subjects.EVENTS.stream)).seq

    bus, storing, database = await asyncio.gather(_look(see_bus), _look(api.storing.prove, _STORE_S), _look(see_store))
    loaded = api.directory.loaded.is_set() and api.live_adapters.loaded.is_set()
    directory = Dependency(ok=loaded, milliseconds=0.0, detail="" if loaded else "still reading the streams")
    complaint = api.freshness.complaint if database.ok else "the database does not answer"
    views = Dependency(ok=not complaint, milliseconds=0.0, detail=complaint)
    age = api.freshness.age
    readiness = Readiness(
        ready=all(part.ok for part in (bus, storing, database, directory, views)),
        bus=bus,
        storing=storing,
        store=database,
        directory=directory,
        views=views,
        age=None if age is None else round(age, 1),
        behind=max(ends["events"] - ends["seen"], 0) if len(ends) == 2 else None,
        full=full,
    )
    return answers.ok(readiness, 200 if readiness.ready else 503)


@routes.add("GET", "/metrics", "getMetrics", role=None, media_type="text/plain", problems=("unauthenticated",))
async def show_metrics(call: Call[NoBody, NoQuery]) -> Response:
    """Show the metrics of this process, for Prometheus: from loopback without a token, from elsewhere with any."""
    client = call.request.client
    direct = client is not None and _loopback(client.host) and not any(map(call.header, _PROXIED))
    if not direct:
        call.api.access_control.principal(call.header("Authorization"))
    with contextlib.suppress(mwbus.BusError, store.StoreError, TimeoutError):  # then what was measured last stays
        async with asyncio.timeout(_LOOK_S):
            await _measure(call.api)
    return Response(call.api.meters.registry.text() + process.text(), media_type=metrics.MEDIA_TYPE)


@routes.add("GET", "/v1/whoami", "getPrincipal", role="viewer", answer=Principal)
async def whoami(call: Call[NoBody, NoQuery]) -> Response:
    """Show the principal of the token, and its role."""
    return answers.ok(call.principal)


@routes.add("GET", "/openapi.json", "getOpenApi", role=None)
async def show_openapi(call: Call[NoBody, NoQuery]) -> Response:
    """This document."""
    return answers.ok(call.request.app.openapi())


@routes.add("GET", "/asyncapi.json", "getAsyncApi", role=None)
async def show_asyncapi(call: Call[NoBody, NoQuery]) -> Response:
    """The messages on the bus, as AsyncAPI."""
    return answers.ok(asyncapi.document())


@routes.add("GET", "/docs", "getDocs", role=None, media_type="text/html")
async def show_docs(call: Call[NoBody, NoQuery]) -> Response:
    """This API as a page."""
    base_url = str(call.request.base_url).rstrip("/")
    app = call.request.app
    if (page := getattr(app.state, "docs", None)) is None:
        page = app.state.docs = await asyncio.to_thread(pages.Page, app.openapi())
    return Response(page.at(base_url), media_type="text/html")


@routes.add("GET", "/docs/style.css", "getDocsStyle", role=None, media_type="text/css")
async def show_style(call: Call[NoBody, NoQuery]) -> Response:
    """How the documentation pages look."""
    return _file("style.css")


@routes.add("GET", "/docs/docs.js", "getDocsScript", role=None, media_type="text/javascript")
async def show_script(call: Call[NoBody, NoQuery]) -> Response:
    """The search of the documentation page."""
    return _file("docs.js")


def _file(name: str) -> Response:
    return Response(pages.file(name), media_type=pages.FILES[name], headers={"Cache-Control": "max-age=3600"})


@routes.add("GET", "/problems", "listProblemTypes", role=None, media_type="text/html")
async def show_problems(call: Call[NoBody, NoQuery]) -> Response:
    """Every kind of refusal."""
    return Response(pages.problems(), media_type="text/html")


@routes.add(
    "GET",
    "/problems/{slug}",
    "getProblemType",
    role=None,
    places={"slug": "^[a-z-]{1,64}$"},
    media_type="text/html",
    problems=("not-found",),
)
async def show_problem(call: Call[NoBody, NoQuery]) -> Response:
    """One kind of refusal: what it means and what to do."""
    slug = call.name("slug")
    if slug not in PROBLEM_TYPES:
        raise not_found("problem type", slug)
    return Response(pages.problem(PROBLEM_TYPES[slug]), media_type="text/html")


async def _measure(api: Api) -> None:
    """What is known when it is asked for: the age of the views, the streams, the live workers."""
    meters, age = api.meters, api.freshness.age
    if age is not None:
        meters.views_age.set(to=round(age, 3))
    meters.workers.values.clear()
    for worker in api.live_adapters.alive():
        meters.workers.add(worker.name, worker.version)
    for size in await api.bus.sizes():
        meters.stream_fill.set(size.name, to=round(size.fill, 6))
        if size.name in kinds.STREAMS:
            seen = (await api.views.position(size.name)).seq
            meters.views_behind.set(size.name, to=max(size.last - seen, 0))


async def _look(at: Callable[[], Awaitable[None]], within: float = _LOOK_S) -> Dependency:
    begin = time.perf_counter()
    detail = ""
    try:
        async with asyncio.timeout(within):
            await at()
    except TimeoutError:
        detail = f"no answer within {within:g} s"
    except (mwbus.BusError, store.StoreError) as error:
        detail = str(error)[:300]
    return Dependency(ok=not detail, milliseconds=round((time.perf_counter() - begin) * 1000, 1), detail=detail)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
