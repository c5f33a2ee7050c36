"""Publishing the outcomes of deliveries as events.

Invariant: every attempt is published once, before it is removed from the ledger; publishing waits while NATS is
unavailable.
"""

import asyncio
import datetime
import logging

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.webhooks import (
    Delivery,
    DeliveryFailed,
    DeliveryRetrying,
    DeliveryState,
    DeliverySucceeded,
    WebhookDisabled,
    WebhookWritten,
)
from meshwright.workers.notifier.ledger import Waiting
from meshwright.workers.notifier.memory import PAUSE
from meshwright.workers.notifier.posting import Outcome

log = logging.getLogger(__name__)
ORIGIN = subjects.NOTIFIER
PRINCIPAL = "notifier"


class WebhookEvents:
    """Publishes the events about one webhook."""

    def __init__(self, bus: mwbus.Connection, workspace: str, webhook: str) -> None:
        self._bus = bus
        self._workspace = workspace
        self._webhook = webhook

    async def tell(
        self, one: Waiting, event: mwbus.Received | None, outcome: Outcome, next_attempt_at: float | None
    ) -> None:
        """Publish an attempt and its consequences; `event` is None when EVENTS does not hold it any more."""
        state: DeliveryState = "delivered" if outcome.delivered else "failed" if next_attempt_at is None else "retrying"
        delivery = Delivery(
            webhook=self._webhook,
            event=one.event,
            event_id=event.headers.get("ce-id", "") if event else "",
            event_type=event.type if event else "",
            state=state,
            attempts=one.attempts + 1,
            status=outcome.status,
            detail=outcome.detail,
            attempted_at=datetime.datetime.now(datetime.UTC),
            next_attempt_at=_moment(next_attempt_at),
        )
        kinds = {"delivered": DeliverySucceeded, "failed": DeliveryFailed, "retrying": DeliveryRetrying}
        await self._publish("delivery", kinds[state](delivery=delivery))

    async def disable(self, written: WebhookWritten, version: int, detail: str) -> None:
        """Write the webhook as disabled, unless it was changed meanwhile."""
        document = written.document
        off = _disabled(written, detail)
        subject = subjects.fill(subjects.STATE, workspace=self._workspace, kind="webhook", id=document.id)
        about, event = f"webhooks/{document.id}", ids.fresh()
        while True:
            try:
                await self._bus.publisher.publish(subject, off, about=about, id=event, expected_last=version)
            except mwbus.BusUnavailable:
                await asyncio.sleep(PAUSE)
            except mwbus.Conflict:
                return
            else:
                break
        log.warning("webhook %s of %s is disabled: %s", document.id, self._workspace, detail)
        await self._publish("webhook", WebhookDisabled(webhook=document.id, detail=detail))

    async def _publish(self, entity: str, message: Message) -> None:
        subject = subjects.fill(
            subjects.EVENTS, workspace=self._workspace, origin=ORIGIN, entity=entity, id=self._webhook
        )
        event = ids.fresh()
        while True:
            try:
                await self._bus.publisher.publish(subject, message, about=f"webhooks/{self._webhook}", id=event)
            except mwbus.BusUnavailable as error:
                log.debug("the event about webhook %s cannot be published yet: %s", self._webhook, error)
                await asyncio.sleep(PAUSE)
            else:
                return


def _disabled(written: WebhookWritten, detail: str) -> WebhookWritten:
    document = msgspec.structs.replace(written.document, enabled=False)
    return msgspec.structs.replace(written, document=document, principal=PRINCIPAL, reason=detail)


def _moment(seconds: float | None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
