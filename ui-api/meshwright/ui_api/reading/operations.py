"""One operation in its current state.

Problem: a client that waits for an operation must not have to wait for the projector, and yet a client that has seen
its end expects its effects in the views. Invariant: the response includes every event that was stored before the
request; it is the view's document as soon as that has caught up, and is folded from the events when it does not do so
in a moment.
"""

from typing import Any

from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.operations import current, titles
from meshwright.core.store import kinds
from meshwright.schemas import subjects
from meshwright.schemas.operations import Operation
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import not_found
from meshwright.ui_api.http.routing import Call
from meshwright.ui_api.reading import freshness, views
from meshwright.ui_api.requests import accepting

CATCH_UP_S = 1.0
"""seconds that the views get to reach an operation's newest event"""


async def shown(call: Call[Any, Any], name: str) -> Response:
    """The operation, or 304. Raises Refusal `not-found`, `unreadable-command`, StoreUnavailable, BusUnavailable."""
    try:
        newest = await _newest(call, name)
    except mwbus.BusUnavailable:
        viewed = await call.api.views.get(kinds.OPERATIONS, call.workspace, name)
        if viewed is None:
            raise
        return views.shown(call, titles.titled(viewed.document), viewed.seq)
    try:
        viewed = await _viewed(call, name, newest)
        lost = None
    except store.StoreUnavailable as error:
        viewed, lost = None, error
    document, seq = await _told(call, name, viewed)
    if lost is not None and not seq:
        raise lost  # it may have ended so long ago that its events have expired
    if document is None:
        raise not_found("operation", name)
    document = titles.titled(document)
    response = views.shown(call, document, seq) if seq else answers.ok(document)
    response.headers[freshness.HEADER] = "0.0"
    return response


async def _newest(call: Call[Any, Any], name: str) -> int:
    subject = subjects.fill(subjects.EVENTS, workspace=call.workspace, entity="operation", id=name)
    message = await call.api.bus.last(subjects.EVENTS.stream, subject)
    if message is not None and call.api.directory.is_older(call.workspace, message):
        raise not_found("operation", name)
    return message.seq if message else 0


async def _viewed(call: Call[Any, Any], name: str, newest: int) -> store.Stored[Operation] | None:
    viewed = await call.api.views.get(kinds.OPERATIONS, call.workspace, name)
    if newest <= (viewed.seq if viewed else 0):
        return viewed
    try:
        await call.api.views.wait(subjects.EVENTS.stream, newest, CATCH_UP_S)
    except store.NotYetVisible:
        return viewed
    return await call.api.views.get(kinds.OPERATIONS, call.workspace, name)


async def _told(
    call: Call[Any, Any], name: str, viewed: store.Stored[Operation] | None
) -> tuple[Operation | None, int]:
    """An operation with the events behind its view, and the sequence of its last event; 0 before any."""
    if viewed is not None:
        return await current.operation(call.api.bus, call.workspace, name, viewed.document, viewed.seq)
    stored = await accepting.find(call, name)
    known = accepting.operation_of(stored) if stored else None
    return await current.operation(call.api.bus, call.workspace, name, known, 0)
