"""Webhooks: endpoints that get events over HTTP. Stored on STATE with the secret sealed, read from the view.

Invariant: a secret leaves this process once, in the response that created it; in the stream it is sealed.
"""

import datetime
import functools
from typing import Annotated, Any, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.security import signatures
from meshwright.core.store import kinds
from meshwright.schemas import subjects
from meshwright.schemas.base import Message, Model, Text
from meshwright.schemas.documents import inputs
from meshwright.schemas.errors import FieldError
from meshwright.schemas.webhooks import (
    Delivery,
    DeliveryState,
    ReplayRequested,
    Webhook,
    WebhookPinged,
)
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.bodies import Because
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import LARGEST_PAGE, Page, Read, Write
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import states, webhooks
from meshwright.ui_api.requests.states import PUBLISH_S
from meshwright.ui_api.requests.webhooks import KIND

routes = Routes("webhooks")
_READ = ("store-unavailable", "not-yet-visible")
_BOTH_COUNT = datetime.timedelta(hours=24)
"""how long the old secret signs too after a rotation"""


class WebhookPage(Page, frozen=True, kw_only=True):
    """Webhooks, filtered and sorted."""

    enabled: bool | None = None
    order_by: Annotated[Literal["id", "id desc"], Meta(description="Field and direction.")] = "id"


class DeliveryPage(Page, frozen=True, kw_only=True):
    """Deliveries of a webhook, filtered and sorted."""

    state: DeliveryState | None = None
    event: Annotated[int, Meta(ge=1, description="Only of this event.")] | None = None
    order_by: Annotated[
        Literal["event", "event desc", "attempted_at", "attempted_at desc"], Meta(description="Field and direction.")
    ] = "event desc"


class SavedWebhook(Webhook, frozen=True, kw_only=True):
    """A webhook; `secret` signs its calls, is shown when it is created, and is empty otherwise."""

    secret: str = ""


class Replay(Model, frozen=True, kw_only=True):
    """What to deliver again: every subscribed event from `from_event` on, or the deliveries that failed."""

    from_event: Annotated[int, Meta(ge=1)] | None = None
    failed: bool = False
    reason: Text = ""


class Ordered(Model, frozen=True, kw_only=True):
    """The notifier was asked by the event `event` (a ping is delivered under this number).

    `deliveries` is the number of deliveries to repeat, where it is known.
    """

    event: int
    deliveries: int | None = None


@routes.add(
    "GET",
    "/v1/webhooks",
    "listWebhooks",
    role="operator",
    query=WebhookPage,
    answer=views.listed(Webhook),
    problems=_READ,
)
async def index(call: Call[NoBody, WebhookPage]) -> Response:
    """List webhooks."""
    return await views.page(call, kinds.WEBHOOKS, {"enabled": call.query.enabled}, call.query.order_by)


@routes.add(
    "GET",
    "/v1/webhooks/{id}",
    "getWebhook",
    role="operator",
    query=Read,
    answer=Webhook,
    headers=("ETag",),
    problems=_READ,
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show a webhook."""
    return await views.one(call, kinds.WEBHOOKS, call.name(), KIND)


@routes.add(
    "PUT",
    "/v1/webhooks/{id}",
    "putWebhook",
    further_rules=("`url` leads to an address that this server may call.",),
    role="admin",
    query=Write,
    body=Webhook,
    body_from_path=True,
    answer=SavedWebhook,
    also={201: "Created."},
    headers=("ETag", "Meshwright-Seq"),
    problems=("stale", "if-match-required", "no-secret-key"),
)
async def put(call: Call[Webhook, Write]) -> Response:
    """Create or change a webhook. The response to its creation contains its secret, only this once."""
    sealer, document = webhooks.sealer_of(call), call.body
    webhooks.check_url(call, document.url)
    before = await states.standing(call, call.workspace, KIND, document.id)
    now = await webhooks.newest_event(call)
    secret = b""
    if before.version is None:
        secret = signatures.new_secret()
        sealed = signatures.seal(sealer, secret, call.workspace, document.id)
        message = webhooks.first(call, document, sealed, since=now, as_of=now)
    else:
        standing = webhooks.written(before.version)
        begins = document.enabled and not standing.document.enabled
        message = webhooks.changed(
            call, standing, document=document, as_of=now, since=now if begins else standing.since
        )
    written = await states.replace(
        call, call.workspace, KIND, document.id, message, before, validate_only=call.query.validate_only
    )
    return _saved(written, document, b"" if call.query.validate_only else secret)


@routes.add(
    "DELETE",
    "/v1/webhooks/{id}",
    "deleteWebhook",
    role="admin",
    query=Write,
    status=204,
    headers=("Meshwright-Seq",),
    problems=("stale", "if-match-required"),
)
async def delete(call: Call[NoBody, Write]) -> Response:
    """Delete a webhook; pending events are not delivered any more."""
    reason = call.reason(call.query.reason)
    return answers.nothing(
        await states.delete(call, call.workspace, KIND, call.name(), reason, validate_only=call.query.validate_only)
    )


@routes.add(
    "POST",
    "/v1/webhooks/{id}:rotate-secret",
    "rotateWebhookSecret",
    role="admin",
    body=Because,
    answer=SavedWebhook,
    headers=("ETag", "Meshwright-Seq"),
    problems=("stale", "no-secret-key"),
)
async def rotate(call: Call[Because, Any]) -> Response:
    """Create a new secret. For 24 hours calls carry signatures by both, so that receivers have time to change."""
    sealer, name = webhooks.sealer_of(call), call.name()
    version = await webhooks.current(call, name)
    standing = webhooks.written(version)
    secret = signatures.new_secret()
    message = webhooks.changed(
        call,
        standing,
        secret=signatures.seal(sealer, secret, call.workspace, name),
        previous=standing.secret,
        previous_until=datetime.datetime.now(datetime.UTC) + _BOTH_COUNT,
        as_of=await webhooks.newest_event(call),
    )
    seq = await states.store(call, call.workspace, KIND, name, message, version.seq)
    return _saved(states.Written(seq=seq, created=False), standing.document, secret)


@routes.add(
    "POST",
    "/v1/webhooks/{id}:test",
    "testWebhook",
    role="operator",
    body=Because,
    answer=Ordered,
    status=202,
    headers=("Meshwright-Seq",),
    problems=("webhook-disabled", "bus-unavailable"),
)
async def ping(call: Call[Because, Any]) -> Response:
    """Deliver a ping, an event that is sent to this webhook alone, whatever its filters."""
    name = await webhooks.enabled(call)
    message = WebhookPinged(webhook=name, principal=call.principal.name, reason=call.reason(call.body.reason))
    return await _order(call, name, message)


@routes.add(
    "POST",
    "/v1/webhooks/{id}:replay",
    "replayWebhook",
    role="operator",
    body=Replay,
    rules={
        "oneOf": [
            {"required": ["failed"], "properties": {"failed": {"const": True}, "from_event": {"type": "null"}}},
            inputs.given("from_event") | {"not": {"required": ["failed"], "properties": {"failed": {"const": True}}}},
        ]
    },
    further_rules=("`from_event` is not older than the workspace.",),
    answer=Ordered,
    status=202,
    headers=("Meshwright-Seq",),
    problems=("webhook-disabled", "bus-unavailable", "store-unavailable"),
)
async def replay(call: Call[Replay, Any]) -> Response:
    """Deliver again: from an event on, or (up to 500 at a time, the oldest first) those that had failed."""
    asked = call.body
    if asked.failed == (asked.from_event is not None):
        detail = "give exactly one of from_event and failed"
        raise Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer="#/from_event")])
    name = await webhooks.enabled(call)
    if asked.from_event is not None:
        await _refuse_older(call, asked.from_event)
    events = await _failed(call, name) if asked.failed else []
    message = ReplayRequested(
        webhook=name,
        from_event=asked.from_event,
        events=events,
        principal=call.principal.name,
        reason=call.reason(asked.reason),
    )
    return await _order(call, name, message, len(events) if asked.failed else None)


@routes.add(
    "GET",
    "/v1/webhooks/{id}/deliveries",
    "listDeliveries",
    role="operator",
    query=DeliveryPage,
    answer=views.listed(Delivery),
    problems=(*_READ, "bus-unavailable"),
)
async def deliveries(call: Call[NoBody, DeliveryPage]) -> Response:
    """List the result of each event for this webhook, newest first; kept as long as events are."""
    query = call.query
    where = {"webhook": call.name(), "state": query.state, "event": query.event}
    known = functools.partial(webhooks.current, call, call.name())
    return await views.page(call, kinds.DELIVERIES, where, query.order_by, parent=known)


async def _refuse_older(call: Call[Any, Any], event: int) -> None:
    """Refuses a start at an event of an earlier workspace of that name."""
    subject = subjects.fill(subjects.EVENTS, workspace=call.workspace)
    message = await call.api.bus.following(subjects.EVENTS.stream, event, subject)
    if message is not None and call.api.directory.is_older(call.workspace, message):
        detail = f"event {event} is older than this workspace"
        raise Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer="#/from_event")])


async def _failed(call: Call[Any, Any], name: str) -> list[int]:
    deliveries = await call.api.views.page(
        kinds.DELIVERIES, call.workspace, where={"webhook": name, "state": "failed"}, limit=LARGEST_PAGE
    )
    return [stored.document.event for stored in deliveries.items]


async def _order(call: Call[Any, Any], name: str, message: Message, deliveries: int | None = None) -> Response:
    """Publish an order to the notifier, which reads orders among the events."""
    subject = subjects.fill(subjects.EVENTS, workspace=call.workspace, origin=subjects.API, entity=KIND, id=name)
    ack = await call.api.bus.publisher.publish(subject, message, about=f"webhooks/{name}", timeout=PUBLISH_S)
    return answers.ok(Ordered(event=ack.seq, deliveries=deliveries), 202, Meshwright_Seq=str(ack.seq))


def _saved(written: states.Written, document: Webhook, secret: bytes) -> Response:
    shown = SavedWebhook(
        **{name: getattr(document, name) for name in Webhook.__struct_fields__},
        secret=signatures.shown(secret) if secret else "",
    )
    response = states.answer(written, shown)
    if secret:
        response.headers["Cache-Control"] = "no-store"
    return response
