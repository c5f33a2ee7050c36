"""An OTLP collector on loopback: takes what real exporters send over HTTP and keeps the spans and numbers."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_SERVICE = "service.name"


class Span(msgspec.Struct, frozen=True):
    """One span, with its ids as hexadecimal text; `parent` is empty for a root."""

    service: str
    name: str
    trace: str
    id: str
    parent: str


class Collector:
    """Where it listens, and what has arrived."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[Span] = []
        self.numbers: dict[tuple[str, str, frozenset[tuple[str, str]]], float] = {}
        """the newest value by service, metric and labels"""

    def take(self, path: str, body: bytes) -> None:
        """One export request (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""
        (self._take_numbers if path == "/v1/metrics" else self._take_spans)(body)

    def _take_numbers(self, body: bytes) -> None:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            service = next(each.value.string_value for each in resource.resource.attributes if each.key == _SERVICE)
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                for point in (metric.sum if metric.HasField("sum") else metric.gauge).data_points:
                    labels = frozenset((each.key, each.value.string_value) for each in point.attributes)
                    value = point.as_double if point.HasField("as_double") else point.as_int
                    self.numbers[service, metric.name, labels] = value

    def _take_spans(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    self.spans.append(Span(names[_SERVICE], span.name, *ids))


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
