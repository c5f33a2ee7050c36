"""Events: the live stream, and the searchable log."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.core import event_filters
from meshwright.core.operations import sentences
from meshwright.core.store import LoggedEvent
from meshwright.schemas import catalog, subjects
from meshwright.schemas.access import EVENT_ROLES
from meshwright.schemas.base import Moment, whole
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import LARGEST_PAGE, NoQuery, Page
from meshwright.ui_api.http.routing import Call, Header, NoBody, Routes
from meshwright.ui_api.live import event_stream
from meshwright.ui_api.live.frames import Event, Kept, event
from meshwright.ui_api.live.streaming import Client, EventFilter
from meshwright.ui_api.reading import views

routes = Routes("events")
LAST_EVENT_ID = "Last-Event-ID"
_STREAM = subjects.EVENTS.stream


class EventQuery(Page, frozen=True, kw_only=True):
    """The filter of events. Several values of one filter (repeated, or separated by commas) match any of them."""

    type: Annotated[list[str], Meta(description="Wire name, or its prefix up to a dot.", max_length=50)] = []
    entity: Annotated[list[str], Meta(description="As in operation, mesh, proxy.", max_length=50)] = []
    id: Annotated[list[str], Meta(description="The entity's id.", max_length=50)] = []
    operation: Annotated[list[str], Meta(description="Events of these operations.", max_length=50)] = []
    last_event_id: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Resume behind this event, as with the header Last-Event-ID."),
    ] = None
    trace_id: Annotated[str, Meta(description="Only in the log.")] = ""
    text: Annotated[
        str, Meta(max_length=200, pattern=whole("^[^\\x00]*$"), description="Text in the payload; only in the log.")
    ] = ""
    since: Annotated[Moment | None, Meta(description="Only in the log.")] = None
    until: Annotated[Moment | None, Meta(description="Only in the log.")] = None


@routes.add(
    "GET",
    "/v1/events",
    "listEvents",
    role="viewer",
    query=EventQuery,
    answer=views.listed(Event),
    streams=Event,
    takes=(Header(name=LAST_EVENT_ID, description="Resume behind the event of this id.", pattern="^([0-9]{1,18})?$"),),
    problems=("store-unavailable", "not-yet-visible", "bus-unavailable", "too-many-requests"),
)
async def index(call: Call[NoBody, EventQuery]) -> Response:
    """Follow events live (`Accept: text/event-stream`), or search the log, newest first.

    A stream's ids are stream sequences: send the last one as `Last-Event-ID` to resume without loss or repetition.
    `event: reset` means that events were skipped, with the reason: read your data again.
    """
    for entity in call.query.entity:
        if not event_filters.may_read(call.principal.role, call.workspace, call.workspace, entity):
            least = EVENT_ROLES.get(entity, "admin")
            raise Refusal("forbidden", f"this needs the role {least}: events about the entity {entity[:64]!r}")
    if event_stream.MEDIA_TYPE in call.header("Accept"):
        return await _live(call)
    return await _log(call)


@routes.add(
    "GET",
    "/v1/events/{id}",
    "getEvent",
    role="viewer",
    places={"id": "^[0-9]{1,18}$"},
    answer=Event,
    problems=("bus-unavailable",),
)
async def show(call: Call[NoBody, NoQuery]) -> Response:
    """Show one event by its id, for as long as the stream keeps it."""
    stored = await call.api.bus.at(_STREAM, int(call.name()))
    kept = stored and Kept(stored)
    everything = EventFilter(
        workspace=call.workspace, role=call.principal.role, since=call.api.directory.made_at(call.workspace)
    )
    if not kept or not everything.match(kept):
        raise not_found("event", call.name())
    return answers.ok(event(kept.received))


async def _live(call: Call[NoBody, EventQuery]) -> Response:
    query, hub = call.query, call.api.hub
    caller = call.caller
    call.api.streams.check(hub.clients, caller.token, call.workspace)
    wants = EventFilter(
        workspace=call.workspace,
        role=call.principal.role,
        since=call.api.directory.made_at(call.workspace),
        types=query.type,
        entities=query.entity,
        ids=query.id,
        operations=query.operation,
    )
    client = Client(wants, caller.credential, caller.token)
    await hub.opened(client, _after(call))
    return event_stream.EventStream(hub, client, call.api.meters)


def _after(call: Call[NoBody, EventQuery]) -> int | None:
    text = call.header(LAST_EVENT_ID)
    return int(text) if text else call.query.last_event_id


async def _log(call: Call[NoBody, EventQuery]) -> Response:
    query = call.query
    await views.settle(call, _STREAM)
    where: dict[str, Any] = {"type": _types(query.type), "entity": query.entity, "id": query.id}
    if query.operation:
        about = [one for one in query.operation if not query.id or one in query.id]
        if not about or (query.entity and "operation" not in query.entity):
            return views.whole([])
        where |= {"entity": ["operation"], "id": about}
    where["trace_id"] = query.trace_id
    wanted = {name: value for name, value in where.items() if value}
    readable = event_filters.readable_by(call.principal.role)
    if readable is not None:
        wanted.setdefault("entity", sorted(readable))
    scope = repr((call.workspace, "events", sorted(wanted.items()), query.text, query.since, query.until))
    before = call.api.pages.read(query.page_token, scope)
    size = min(query.page_size, LARGEST_PAGE)
    events = await call.api.views.events(
        call.workspace,
        where=wanted,
        since=query.since,
        until=query.until,
        text=query.text,
        before=int(before or 0),
        limit=size,
    )
    more = str(events[-1].seq) if len(events) == size else ""
    items = [_event(logged) for logged in events]
    return answers.ok({"items": items, "next_page_token": call.api.pages.sign(more, scope)})


def _types(wanted: list[str]) -> list[str]:
    """The full types for a prefix, since the log compares whole names."""
    meant = {name for name in catalog.BY_NAME if event_filters.passes(name, "", wanted, ())} if wanted else set()
    return sorted({*wanted, *meant})


def _event(logged: LoggedEvent) -> Event:
    return Event(
        id=logged.seq,
        type=logged.type,
        time=msgspec.to_builtins(logged.time),
        source=logged.source,
        subject="",
        workspace=logged.workspace,
        origin=logged.origin,
        entity=logged.entity,
        entity_id=logged.id,
        data=logged.data,
        trace_id=logged.trace_id,
        title=sentences.sentence(logged.type, logged.entity, logged.id, logged.data),
    )
