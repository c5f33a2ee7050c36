"""Webhooks: subscriptions to events over HTTP, and the result of each delivery.

Problem: a signing secret must be readable by the process that signs, and by no other reader of the stream. Invariant: a
secret is stored sealed and beside the document, never in it; events about webhooks and deliveries are never delivered
by a webhook.
"""

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from meshwright.schemas.base import Message, Model, Moment, Name, Text, Wire, whole
from meshwright.schemas.sealing import Sealed

EVENT_TYPE_PATTERN = "^[a-z0-9][a-z0-9_.-]{0,199}$"
ENTITY_PATTERN = "^[a-z][a-z0-9_-]{0,63}$"

EventType: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole(EVENT_TYPE_PATTERN),
        description="a wire name, or its beginning up to a dot",
        examples=["dev.meshwright.operation"],
    ),
]
Entity: TypeAlias = Annotated[
    str, Meta(pattern=whole(ENTITY_PATTERN), description="the entity of an event", examples=["operation"])
]
DeliveryState: TypeAlias = Literal["delivered", "retrying", "failed"]

UNTOLD_ENTITIES: tuple[str, ...] = ("webhook", "delivery")
"""entities whose events are never delivered: reporting a delivery would cause another one, without end"""


class Webhook(Model, frozen=True, kw_only=True):
    """An HTTP endpoint that gets events of its workspace. With empty `types` and `entities` it gets all of them."""

    id: Name
    url: Annotated[str, Meta(min_length=1, max_length=2000, description="http or https")]
    types: Annotated[list[EventType], Meta(max_length=50)] = []
    entities: Annotated[list[Entity], Meta(max_length=50)] = []
    enabled: bool = True
    description: Text = ""


class WebhookWritten(Message, frozen=True, kw_only=True):
    """A user created or changed a webhook, or it was disabled because its endpoint is gone.

    Sequences are of EVENTS: the subscription begins behind `since` (its creation, or when it was enabled last), and
    this version was written behind `as_of`. While a secret is being rotated, `previous` signs too until
    `previous_until`.
    """

    wire: ClassVar[Wire] = Wire("dev.meshwright.webhook.written.v1", "webhook")
    document: Webhook
    secret: Sealed
    previous: Sealed | None = None
    previous_until: Moment | None = None
    created_at: Moment
    since: int
    as_of: int
    principal: str
    reason: str = ""


class WebhookPinged(Message, frozen=True, kw_only=True):
    """A user tests a webhook: this event is delivered only to the webhook that it names."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.webhook.pinged.v1", "webhook")
    webhook: Name
    principal: str
    reason: str = ""


class ReplayRequested(Message, frozen=True, kw_only=True):
    """A user requested another delivery: of every subscribed event from `from_event` on, or only of `events`."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.webhook.replay_requested.v1", "webhook")
    webhook: Name
    from_event: int | None = None
    events: list[int] = []
    principal: str
    reason: str = ""


class WebhookDisabled(Message, frozen=True, kw_only=True):
    """The endpoint answered 410 Gone, so nothing more is sent until a user enables it."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.webhook.disabled.v1", "webhook")
    webhook: Name
    detail: str


class Delivery(Model, frozen=True, kw_only=True):
    """The state of one event for one webhook, as of the last attempt.

    `event` is its sequence in EVENTS; `status` the HTTP status of the response, None when there was none.
    """

    webhook: Name
    event: int
    event_id: str
    event_type: str
    state: DeliveryState
    attempts: int
    status: int | None = None
    detail: str = ""
    attempted_at: Moment
    next_attempt_at: Moment | None = None


class DeliverySucceeded(Message, frozen=True, kw_only=True):
    """The endpoint accepted the event."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.delivery.succeeded.v1", "delivery")
    delivery: Delivery


class DeliveryRetrying(Message, frozen=True, kw_only=True):
    """The endpoint did not accept the event; it will be retried."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.delivery.retrying.v1", "delivery")
    delivery: Delivery


class DeliveryFailed(Message, frozen=True, kw_only=True):
    """The endpoint did not accept the event within the limit of attempts; a replay may still deliver it."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.delivery.failed.v1", "delivery")
    delivery: Delivery
