"""Tracing: one trace from the HTTP request through command, step and event to the projection.

Invariant: spans are created only when they are exported (`exporting`); otherwise the cost is close to zero, yet every
message still carries a `traceparent`, so the logs of all processes can be joined. W3C Trace Context:
https://www.w3.org/TR/trace-context/.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_HEADER = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(-|\Z)")


def is_exporting() -> bool:
    """Whether spans are exported, so that creating very many of them is useful."""
    return any(os.environ.get(name) for name in _ENDPOINTS)


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int) -> Iterator[trace.Span]:
    """A span that is the parent of everything within; without an exporter only the trace context continues."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        tracer = provider.get_tracer("meshwright")
        with tracer.start_as_current_span(name, kind=kind, attributes=attributes) as opened:
            yield opened
        return
    current = trace.get_current_span()
    if current.get_span_context().is_valid:
        yield current
        return
    with _within(secrets.randbits(128) | 1, secrets.randbits(64) | 1, TraceFlags(TraceFlags.DEFAULT)) as begun:
        yield begun


@contextmanager
def continued(traceparent: str) -> Iterator[None]:
    """Continue the trace of a message; an invalid traceparent is ignored."""
    header = _HEADER.match(traceparent)
    if header is None:
        yield
        return
    with _within(int(header["trace"], 16), int(header["span"], 16), TraceFlags(int(header["flags"], 16))):
        yield


@contextmanager
def _within(trace_id: int, span_id: int, flags: TraceFlags) -> Iterator[trace.Span]:
    """Make a span of another process, or one that is not recorded, the current one."""
    remote = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags))
    token = context.attach(trace.set_span_in_context(remote))
    try:
        yield remote
    finally:
        context.detach(token)


def traceparent() -> str:
    """The current trace context as a `traceparent`, or an empty string outside of any span."""
    span_context = trace.get_current_span().get_span_context()
    if not span_context.is_valid:
        return ""
    return f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-{span_context.trace_flags:02x}"


def trace_id() -> str:
    """The trace id of the current span, or an empty string outside of any span."""
    return trace_id_of(traceparent())


def trace_id_of(traceparent: str) -> str:
    """The trace id in a W3C `traceparent`, or an empty string when it is invalid."""
    parsed = _HEADER.match(traceparent)
    return parsed["trace"] if parsed else ""
