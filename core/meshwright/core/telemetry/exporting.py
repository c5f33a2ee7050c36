"""Exporting a process's spans and metrics by OTLP.

Invariant: nothing is exported and no exporter is even imported unless the standard OTEL_EXPORTER_OTLP_* variables set
an endpoint; values are read when they are sent, so counting costs the same with and without export.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from opentelemetry import trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from meshwright.core.telemetry import tracing
from meshwright.core.telemetry.metrics import Counter, Gauge, Registry

_METRICS_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")


@contextmanager
def exporting(service: str, version: str, registry: Registry | None = None) -> Iterator[None]:
    """Export this process's spans and the counters and gauges of `registry`; pending ones are flushed on leaving."""
    resource = Resource.create({"service.name": service, "service.version": version})
    with ExitStack() as stack:
        if tracing.is_exporting():
            stack.callback(_export_spans(resource))
        if registry is not None and any(os.environ.get(name) for name in _METRICS_ENDPOINTS):
            stack.callback(_export_numbers(resource, registry))
        yield


def _export_spans(resource: Resource) -> Callable[[], None]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _export_numbers(resource: Resource, registry: Registry) -> Callable[[], None]:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
    meter = provider.get_meter("meshwright")
    for counter in registry.counters:
        make = meter.create_observable_gauge if isinstance(counter, Gauge) else meter.create_observable_counter
        make(counter.name.removesuffix("_total"), [_observe(counter)], description=counter.help)
    return provider.shutdown


def _observe(counter: Counter) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        # In the exporter's thread: copying the list is one step, so the loop may count meanwhile.
        values = list(counter.values.items())
        return [Observation(value, dict(zip(counter.labels, labels, strict=True))) for labels, value in values]

    return observe
