"""The catalog of wire types: every message that may appear on the bus, by name.

Invariant: a wire name belongs to exactly one Struct for ever. An unknown name is not an error but `None`: the caller
treats the message as unhandled and continues.
"""

from typing import TypeVar

import msgspec

from meshwright.schemas import (
    access,
    adapters,
    connections,
    dead_letters,
    designs,
    discovery,
    drift,
    meshes,
    operations,
    telemetry,
    webhooks,
    workloads,
    workloads_v1,
)
from meshwright.schemas.base import Message

MESSAGE_TYPES: tuple[type[Message], ...] = (
    operations.Command,
    operations.OperationQueued,
    operations.OperationStarted,
    operations.OperationProgressed,
    operations.StepStarted,
    operations.StepCompleted,
    operations.StepFailed,
    operations.OperationUndoing,
    operations.StepUndone,
    operations.OperationRetrying,
    operations.CancelRequested,
    operations.OperationSucceeded,
    operations.OperationFailed,
    operations.OperationCancelled,
    operations.OperationTimedOut,
    operations.OperationDeadLettered,
    dead_letters.DeadLetter,
    dead_letters.DeadLetterReplayed,
    dead_letters.DeadLetterDropped,
    adapters.AdapterAnnouncement,
    adapters.AdapterLost,
    adapters.AdapterFailed,
    adapters.AdapterForgotten,
    meshes.MeshObserved,
    meshes.MeshRemoved,
    workloads.WorkloadObserved,
    workloads.WorkloadRemoved,
    workloads.ProxyObserved,
    workloads.ProxyRemoved,
    workloads_v1.WorkloadObservedV1,
    workloads_v1.WorkloadRemovedV1,
    workloads_v1.ProxyObservedV1,
    workloads_v1.ProxyRemovedV1,
    designs.DesignWritten,
    designs.ReleaseChanged,
    designs.ReleaseChangedV1,
    drift.DriftDetected,
    drift.DriftResolved,
    connections.ConnectionWrittenV1,
    connections.ConnectionWritten,
    discovery.ResourceObserved,
    discovery.ResourceRemoved,
    discovery.ConnectionObserved,
    discovery.ConnectionForgotten,
    access.WorkspaceWritten,
    access.TokenWritten,
    access.ResourceDeleted,
    telemetry.EdgesMeasured,
    webhooks.WebhookWritten,
    webhooks.WebhookPinged,
    webhooks.ReplayRequested,
    webhooks.WebhookDisabled,
    webhooks.DeliverySucceeded,
    webhooks.DeliveryRetrying,
    webhooks.DeliveryFailed,
)

TERMINAL_TYPES: frozenset[str] = frozenset(
    kind.wire.name
    for kind in (
        operations.OperationSucceeded,
        operations.OperationFailed,
        operations.OperationCancelled,
        operations.OperationTimedOut,
        operations.OperationDeadLettered,
    )
)
"""the wire names of terminal events"""

BY_NAME: dict[str, type[Message]] = {kind.wire.name: kind for kind in MESSAGE_TYPES}
_PRIVATE = {name: kind.private for name, kind in BY_NAME.items() if kind.private}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in BY_NAME.items()}
_ENCODER = msgspec.json.Encoder()

M = TypeVar("M", bound=Message)


class UndecodableMessage(Exception):
    """The payload does not fit the wire type that its headers name."""


def encode(message: Message) -> bytes:
    """The payload of a message as JSON bytes."""
    return _ENCODER.encode(message)


def decode(name: str, payload: bytes) -> Message | None:
    """The message of that wire type, or None when the type is unknown to this version.

    Raises UndecodableMessage when the payload does not fit the type.
    """
    decoder = _DECODERS.get(name)
    if decoder is None:
        return None
    try:
        if not payload.isascii():
            payload.decode()  # the decoder does not look into fields that it skips
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UndecodableMessage(f"{name}: {error}") from error


def shown(name: str, payload: bytes) -> bytes:
    """The payload without the message's private fields."""
    private = _PRIVATE.get(name)
    if private is None:
        return payload
    try:
        content = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload
    if not isinstance(content, dict):
        return payload
    return _ENCODER.encode({key: value for key, value in content.items() if key not in private})
