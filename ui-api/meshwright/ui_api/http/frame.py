"""The outer layer of every request: its trace, its metrics, its security headers, and unhandled exceptions.

Invariant: every response carries the trace id and the headers that keep a browser from misinterpreting it, of which a
page may state its own; an unhandled exception is logged with its trace id and answered as `internal`, without internal
details.
"""

import time
from typing import Any

from opentelemetry.trace import Span, SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meshwright.core.telemetry import tracing
from meshwright.ui_api.http import problems
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.refusals import Refusals

_SAFETY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
]


class Frame:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, meters: Meters, refusals: Refusals) -> None:
        self._app = app
        self._meters = meters
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traceparent = _header(scope, b"traceparent")
        with tracing.continued(traceparent), tracing.span(scope["method"], SpanKind.SERVER) as span:
            await self._observed(scope, receive, send, span)

    async def _observed(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        begin = time.perf_counter()
        status = 0
        around = safety()

        async def observing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers: Any = message.setdefault("headers", [])
                own = {name for name, _ in headers}
                message["headers"] = [*headers, *(header for header in around if header[0] not in own)]
                self._count(scope, status, time.perf_counter() - begin, span)
            await send(message)

        try:
            await self._app(scope, receive, observing)
        except Exception:
            self._refusals.defect()
            if status:
                raise  # the response has begun: closing the connection is the only way to report the failure
            response = problems.answer(Refusal("internal"), scope["path"])
            await response(scope, receive, observing)

    def _count(self, scope: Scope, status: int, seconds: float, span: Span) -> None:
        declared = scope.get("meshwright.route")
        route = declared.operation_id if declared else "none"
        self._meters.requests.add(route, str(status))
        self._meters.latency.observe(route, value=seconds)
        if span.is_recording():
            span.update_name(f"{scope['method']} {declared.path if declared else ''}".strip())
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("http.response.status_code", status)
            if declared:
                span.set_attribute("http.route", declared.path)


def safety() -> list[tuple[bytes, bytes]]:
    """The security headers of every response, with the current trace."""
    return [*_SAFETY, (b"x-request-id", tracing.trace_id().encode())]


def _header(scope: Scope, wanted: bytes) -> str:
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value.decode("latin-1"))
    return ""
