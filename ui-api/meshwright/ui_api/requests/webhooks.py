"""Webhooks as stored on STATE: the current version, the next one, and the rules for a webhook.

Invariant: a version names the caller who wrote it, and its secrets are sealed.
"""

import datetime
from typing import Any

import msgspec

from meshwright.core.security import sealing, ssrf
from meshwright.schemas import subjects
from meshwright.schemas.errors import FieldError
from meshwright.schemas.sealing import Sealed
from meshwright.schemas.webhooks import Webhook, WebhookWritten
from meshwright.ui_api.http.bodies import Because
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import Write
from meshwright.ui_api.http.routing import Call
from meshwright.ui_api.requests import states

KIND = "webhook"


async def current(call: Call[Any, Any], name: str) -> Any:
    """The message on STATE with the webhook. Raises Refusal `not-found`."""
    message = await states.current(call.api.bus, call.workspace, KIND, name)
    if message is None:
        raise not_found(KIND, name)
    return message


async def enabled(call: Call[Any, Any]) -> str:
    """The name of the requested webhook. Raises Refusal `not-found`, `webhook-disabled`."""
    name = call.name()
    if not written(await current(call, name)).document.enabled:
        raise Refusal("webhook-disabled", f"webhook {name} is disabled")
    return name


def written(version: Any) -> WebhookWritten:
    """The webhook in a message of STATE, with its sealed secrets."""
    document = states.document(version, WebhookWritten)
    assert isinstance(document, WebhookWritten)
    return document


def first(call: Call[Any, Write], document: Webhook, secret: Sealed, *, since: int, as_of: int) -> WebhookWritten:
    """The first version, by this caller."""
    return WebhookWritten(
        document=document,
        secret=secret,
        created_at=datetime.datetime.now(datetime.UTC),
        since=since,
        as_of=as_of,
        principal=call.principal.name,
        reason=call.reason(call.query.reason),
    )


def changed(call: Call[Any, Any], standing: WebhookWritten, **changes: Any) -> WebhookWritten:
    """The next version, by this caller."""
    reason = call.body.reason if isinstance(call.body, Because) else call.query.reason
    who = {"principal": call.principal.name, "reason": call.reason(reason)}
    return msgspec.structs.replace(standing, **changes, **who)


async def newest_event(call: Call[Any, Any]) -> int:
    """The last sequence of EVENTS."""
    return (await call.api.bus.stream_bounds(subjects.EVENTS.stream))[1]


def sealer_of(call: Call[Any, Any]) -> sealing.Sealer:
    """The sealer for secrets. Raises Refusal `no-secret-key`."""
    if call.api.sealer is None:
        raise Refusal("no-secret-key", "MESHWRIGHT_SECRET_KEY_FILE is not set on this server")
    return call.api.sealer


def check_url(call: Call[Any, Any], url: str) -> None:
    """Raises Refusal `invalid-document` when this server may not call the URL."""
    try:
        ssrf.parse(url, call.api.reachable)
    except ssrf.Forbidden as error:
        problem = FieldError(detail=str(error), pointer="#/url")
        remedy = "An operator of this server may allow it with MESHWRIGHT_WEBHOOK_ALLOW."
        raise Refusal("invalid-document", f"the URL is refused: {error}", errors=[problem], remedy=remedy) from error
