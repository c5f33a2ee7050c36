"""Meshwright itself: its streams, its views and its workers."""

import asyncio
import datetime
from importlib import metadata

import msgspec
from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.core.store import kinds
from meshwright.schemas import subjects
from meshwright.schemas.adapters import Adapter, AdapterAnnouncement
from meshwright.schemas.operations import Operation
from meshwright.schemas.readings.system import (
    AdapterState,
    ProjectedStream,
    ProjectionState,
    StreamState,
    System,
    WorkerState,
)
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.queries import NoQuery
from meshwright.ui_api.http.routing import Call, NoBody, Routes

routes = Routes("system")
_ROLLING = (subjects.METRICS.stream,)
_ADAPTERS = 200
_OLDEST = 100
"""open operations of which the oldest of each adapter is known"""


@routes.add(
    "GET",
    "/v1/system",
    "getSystem",
    role="viewer",
    query=NoQuery,
    answer=System,
    problems=("store-unavailable", "bus-unavailable"),
)
async def show(call: Call[NoBody, NoQuery]) -> Response:
    """Show what the streams hold, how far the views are, and the live workers with versions and open operations."""
    sizes, projection = await asyncio.gather(call.api.bus.sizes(), _projection(call))
    last = {size.name: size.last for size in sizes}
    behind = [
        msgspec.structs.replace(each, behind=max(last.get(each.stream, 0) - each.seq, 0)) for each in projection.streams
    ]
    answer = System(
        version=metadata.version("meshwright"),
        streams=[_stream(size) for size in sizes],
        projection=msgspec.structs.replace(projection, streams=behind),
        adapters=await _adapters(call),
        event_streams=len(call.api.hub.clients),
        at=datetime.datetime.now(datetime.UTC),
    )
    return answers.ok(answer)


def _stream(size: mwbus.StreamSize) -> StreamState:
    return StreamState(
        name=size.name,
        messages=size.messages,
        bytes=size.bytes,
        limit_bytes=size.limit,
        fill=round(size.fill, 4),
        first_seq=size.first,
        last_seq=size.last,
        rolling=size.name in _ROLLING,
    )


async def _projection(call: Call[NoBody, NoQuery]) -> ProjectionState:
    """How far the views are; what they lack is not known yet."""
    store = call.api.views
    heartbeat, set_aside = await asyncio.gather(store.heartbeat(), store.set_aside_count())
    positions = await asyncio.gather(*(store.position(stream) for stream in kinds.STREAMS))
    age = call.api.freshness.age
    return ProjectionState(
        age=None if age is None else round(age, 1),
        complaint=call.api.freshness.complaint,
        heartbeat=None if heartbeat is None else round(heartbeat, 1),
        set_aside=set_aside,
        streams=[ProjectedStream(stream=each.stream, seq=each.seq, behind=0, time=each.time) for each in positions],
    )


async def _adapters(call: Call[NoBody, NoQuery]) -> list[AdapterState]:
    store, workspace, is_open = call.api.views, call.workspace, {"done": False}
    known, oldest, counts = await asyncio.gather(
        store.page(kinds.ADAPTERS, subjects.SYSTEM_WORKSPACE, limit=_ADAPTERS),
        store.page(kinds.OPERATIONS, workspace, where=is_open, sort="accepted_at", limit=_OLDEST),
        store.counts(kinds.OPERATIONS, workspace, ("adapter",), is_open),
    )
    return adapter_states(
        [stored.document for stored in known.items],
        call.api.live_adapters.alive(),
        call.api.directory.meshes_by_adapter(workspace),
        {name: count for (name,), count in counts.items()},
        [stored.document for stored in oldest.items],
    )


def adapter_states(
    known: list[Adapter],
    live: list[AdapterAnnouncement],
    meshes: dict[str, list[str]],
    open_operations: dict[str, int],
    oldest: list[Operation],
) -> list[AdapterState]:
    """Every adapter that is known or that lives, by name; `oldest` are open operations, the oldest first."""
    failures = {adapter.id: adapter.failure for adapter in known}
    workers: dict[str, list[AdapterAnnouncement]] = {}
    for worker in sorted(live, key=lambda worker: worker.instance):
        workers.setdefault(worker.name, []).append(worker)
    since: dict[str, datetime.datetime | None] = {}
    for operation in oldest:
        since.setdefault(operation.adapter, operation.accepted_at)
    result = []
    for name in sorted(failures.keys() | workers.keys()):
        mine = workers.get(name, [])
        newest = max((worker.started_at, worker.version) for worker in mine)[1] if mine else ""
        result.append(
            AdapterState(
                name=name,
                workers=[_worker(worker, newest) for worker in mine],
                versions=sorted({worker.version for worker in mine}),
                meshes=meshes.get(name, []),
                open_operations=open_operations.get(name, 0),
                open_since=since.get(name),
                failure="" if mine else failures.get(name, ""),
            )
        )
    return result


def _worker(worker: AdapterAnnouncement, newest: str) -> WorkerState:
    return WorkerState(
        instance=worker.instance,
        version=worker.version,
        contract=worker.contract,
        skewed=worker.version != newest,
        host=worker.host,
        pid=worker.pid,
        started_at=worker.started_at,
    )
