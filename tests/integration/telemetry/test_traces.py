"""One trace: from the request over HTTP through command, worker and steps to the projection."""

from pathlib import Path
from typing import Any

import pytest

from meshwright.core.testing.eventually import eventually
from rig.stack.collector import Collector, Span, collecting
from rig.stack.stack import stack

pytestmark = pytest.mark.servers
EXAMPLES = Path(__file__).parents[2] / "example"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


async def test_a_request_its_steps_and_its_projection_are_one_trace(tmp_path: Path) -> None:
    """A caller's traceparent is continued by the API, the worker's steps and the projector, each under its parent.

    What each of them counts is exported too.
    """
    with collecting() as collector:
        told: dict[str, Any] = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "200"}
        async with stack(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **told) as parts:
            parts.start("meshwright-adapter", "example_adapter:example", name="worker")
            answer = await parts.http.put("/v1/connections/place", json={"kind": "envoy-fleet"})
            assert answer.is_success, answer.text
            body = {
                "kind": "example.write", "mesh": "m1", "adapter": "example", "connection": "place",
                "arguments": {"path": str(tmp_path / "m1"), "steps": 2},
            }  # fmt: skip

            async def accepted() -> Any:
                headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", "Idempotency-Key": "k"}
                result = await parts.http.post("/v1/operations", json=body, headers=headers)
                return result.json() if result.status_code == 202 else None

            operation = await eventually(accepted)
            assert operation["trace_id"] == TRACE
            spans = await eventually(lambda: _whole(collector))
            await eventually(lambda: _counted(collector))
    by_id = {span.id: span for span in spans}
    for name in ("step write-0", "step write-1", "project"):
        for span in (each for each in spans if each.name == name):
            top = _top(span, by_id)
            assert (top.service, top.name, top.parent) == ("meshwright-api", "POST /v1/operations", CALLER), span


async def test_without_an_exporter_the_trace_still_goes_on(tmp_path: Path) -> None:
    """With no OTLP variables nothing is exported, and every answer and event still names its trace."""
    async with stack(tmp_path) as parts:
        headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        answer = await parts.http.put("/v1/connections/place", json={"kind": "envoy-fleet"}, headers=headers)
        assert answer.headers["x-request-id"] == TRACE

        async def told() -> bool:
            return bool((await parts.http.get("/v1/events", params={"trace_id": TRACE})).json()["items"])

        await eventually(told)


def _whole(collector: Collector) -> list[Span]:
    """The spans of the trace, once all three processes have sent theirs; a span is sent before its parent."""
    result = [span for span in collector.spans if span.trace == TRACE]
    names = {span.name for span in result}
    known = {CALLER, *(span.id for span in result)}
    complete = all(span.parent in known for span in result)
    return result if complete and {"POST /v1/operations", "step write-1", "project"} <= names else []


def _top(span: Span, by_id: dict[str, Span]) -> Span:
    while (above := by_id.get(span.parent)) is not None:
        span = above
    return span


def _counted(collector: Collector) -> bool:
    """Whether API, worker and projector have exported their counters."""
    result = {(service, metric, *sorted(value for _, value in labels)) for service, metric, labels in collector.numbers}
    return result >= {
        ("meshwright-api", "meshwright_http_requests", "202", "startOperation"),
        ("meshwright-adapter-example", "meshwright_operations", "example.write", "succeeded"),
        ("meshwright-projector", "meshwright_projected", "EVENTS"),
    }
