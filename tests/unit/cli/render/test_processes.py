"""Meshwright itself for people: what is full, what is old, which workers differ."""

import datetime
from typing import Any

import msgspec

from meshwright.schemas.readings.system import (
    AdapterState,
    ProjectedStream,
    ProjectionState,
    StreamState,
    System,
    WorkerState,
)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def system(**more: Any) -> Any:
    """Two streams and three adapters, as the API sends them."""
    streams = [
        StreamState(name="EVENTS", messages=12_345, bytes=3 * 2**29, limit_bytes=2**31, fill=0.75),
        StreamState(name="STATE", messages=1, bytes=10),
    ]
    workers = [
        WorkerState(instance="w-1", version="1.1", contract=2, skewed=True, started_at=NOW),
        WorkerState(instance="w-2", version="1.2", contract=2, started_at=NOW),
    ]
    adapters = [
        AdapterState(name="istio", workers=workers, meshes=["a", "b"], open_operations=3, open_since=NOW),
        AdapterState(name="kuma"),
        AdapterState(name="linkerd", failure="no module named linkerd"),
    ]
    projection = ProjectionState(age=1.25, streams=[ProjectedStream(stream="EVENTS", seq=12_340, behind=5)], **more)
    return msgspec.to_builtins(System(version="0.1", streams=streams, projection=projection, adapters=adapters, at=NOW))


def lines(terminal: Any) -> list[str]:
    """What is shown, with single blanks."""
    return [" ".join(line.split()) for line in terminal.run("system").stdout.splitlines()]


def test_streams_views_and_workers_have_a_table_each(server: Any, terminal: Any) -> None:
    """A stream without a limit has no share of it; who has no worker says why."""
    server.on("GET /v1/system", system())
    shown = lines(terminal)
    assert shown[0] == "meshwright 0.1 the views are 1.2 s old"
    assert "EVENTS 12,345 1.5 GiB 2.0 GiB 75.0 % 5" in shown
    assert "STATE 1 10 B - - -" in shown
    first = next(line for line in shown if line.startswith("istio"))
    assert first.startswith("istio w-1 1.1 (another version) ")
    assert " a, b 3 since " in first
    assert any(line.startswith("w-2 1.2 ") and "another" not in line for line in shown)
    assert "kuma no live worker 0" in shown
    assert "linkerd no module named linkerd 0" in shown


def test_what_is_wrong_with_the_views_is_said(server: Any, terminal: Any) -> None:
    """Behind their age, with how many messages were set aside."""
    server.on("GET /v1/system", system(complaint="no projector is running", set_aside=2))
    shown = lines(terminal)
    assert shown[0].endswith("1.2 s old, 2 messages could not be projected")
    assert shown[1] == "! no projector is running"
