"""The metrics of this process, published at `/metrics`."""

from meshwright.core.telemetry.metrics import Registry


class Meters:
    """The API's metrics; every limit that is reached is visible here."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.requests = self.registry.counter(
            "meshwright_http_requests_total", "HTTP requests answered", "route", "status"
        )
        self.latency = self.registry.histogram(
            "meshwright_http_request_seconds", "Time from request to the first byte of the answer", "route"
        )
        self.refusals = self.registry.counter(
            "meshwright_http_refusals_total", "Requests refused, by the kind of problem", "problem"
        )
        self.published = self.registry.counter(
            "meshwright_api_published_total", "Messages stored on the bus", "kind", "outcome"
        )
        self.clients = self.registry.gauge("meshwright_sse_clients", "Open event streams")
        self.delivered = self.registry.counter("meshwright_sse_events_total", "Events sent to clients")
        self.views_age = self.registry.gauge("meshwright_views_age_seconds", "The views contain what was stored before")
        self.views_behind = self.registry.gauge(
            "meshwright_views_behind_messages", "Messages of a stream that the views lack", "stream"
        )
        self.stream_fill = self.registry.gauge("meshwright_stream_fill_ratio", "How full a stream is", "stream")
        self.workers = self.registry.gauge("meshwright_adapter_workers", "Live workers", "adapter", "version")
        self.resets = self.registry.counter(
            "meshwright_sse_resets_total", "Clients that were reset, by the reason", "reason"
        )
