"""Tracing: one trace from the HTTP request through command, step and event to the projection.

Invariant: spans are exported only when the standard OTEL_EXPORTER_OTLP_* variables say where; without
them the process is silent, yet every message still carries a `traceparent`, so logs of all processes can be joined.
W3C Trace Context: https://www.w3.org/TR/trace-context/.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextmanager
def exporting(service: str, version: str) -> Iterator[None]:
    """Set up tracing for this process; on leaving, spans that wait are sent."""
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": version}))
    if is_exporting():
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def is_exporting() -> bool:
    """Whether spans leave this process, so that making very many of them is worth their cost."""
    return any(os.environ.get(name) for name in _ENDPOINTS)


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int) -> Iterator[trace.Span]:
    """A span that is the parent of everything within."""
    tracer = trace.get_tracer("meshwright")
    with tracer.start_as_current_span(name, kind=kind, attributes=attributes) as opened:
        yield opened


@contextmanager
def continued(traceparent: str) -> Iterator[None]:
    """Continue the trace that a message carries."""
    token = context.attach(_PROPAGATOR.extract({"traceparent": traceparent}))
    try:
        yield
    finally:
        context.detach(token)


def traceparent() -> str:
    """The current trace context as a `traceparent`, or an empty string outside of any span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


def trace_id(header: str = "") -> str:
    """The trace id of a `traceparent`, or of the current span; empty when there is none."""
    parts = (header or traceparent()).split("-")
    return parts[1] if len(parts) == 4 else ""
