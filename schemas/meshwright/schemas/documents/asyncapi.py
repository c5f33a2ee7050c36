"""The AsyncAPI document: the messages on the bus, for authors of subscribers and adapters.

Problem: hand-written documentation of messages goes stale. Invariant: addresses come from the subject table, payloads
from the catalog, and every message of the catalog is in at least one channel.
"""

import re
from typing import Any

from meshwright.schemas import (
    access,
    catalog,
    connections,
    dead_letters,
    designs,
    discovery,
    operations,
    subjects,
    telemetry,
    webhooks,
)
from meshwright.schemas.base import Message, Model
from meshwright.schemas.documents import jsonschema

CONTRACT_VERSION = "1.0.0"
_SCHEMAS = "#/components/schemas/{name}"

_STATE: tuple[type[Message], ...] = (
    connections.ConnectionWrittenV1,
    connections.ConnectionWritten,
    designs.DesignWritten,
    access.WorkspaceWritten,
    access.TokenWritten,
    webhooks.WebhookWritten,
    access.ResourceDeleted,
)
_DEAD_LETTERS: tuple[type[Message], ...] = (
    dead_letters.DeadLetter,
    dead_letters.DeadLetterReplayed,
    dead_letters.DeadLetterDropped,
)
_SEEN: tuple[type[Message], ...] = (discovery.ResourceObserved, discovery.ResourceRemoved)
_NOT_EVENTS: tuple[type[Message], ...] = (*_DEAD_LETTERS, *_SEEN, telemetry.EdgesMeasured, webhooks.WebhookWritten)

CHANNEL_MESSAGES: dict[str, tuple[type[Message], ...]] = {
    subjects.COMMANDS.stream: (operations.Command,),
    # the server copies commands and written state into EVENTS, so they are events too
    subjects.EVENTS.stream: tuple(kind for kind in catalog.MESSAGE_TYPES if kind not in _NOT_EVENTS),
    subjects.STATE.stream: _STATE,
    subjects.CONNECTIONS.stream: (
        connections.ConnectionWrittenV1,
        connections.ConnectionWritten,
        access.ResourceDeleted,
    ),
    subjects.METRICS.stream: (telemetry.EdgesMeasured,),
    subjects.DEADLETTERS.stream: _DEAD_LETTERS,
    subjects.SEEN.stream: _SEEN,
}
"""the messages that a stream may hold, by stream name"""


class _Flow(Model, frozen=True):
    """One AsyncAPI operation: what Meshwright does on a channel."""

    action: str
    channel: subjects.Channel
    summary: str


_FLOWS: dict[str, _Flow] = {
    "sendCommands": _Flow("send", subjects.COMMANDS, "The API asks an adapter for an operation."),
    "sendEvents": _Flow("send", subjects.EVENTS, "Any subscriber may follow the events."),
    "receiveEvents": _Flow("receive", subjects.EVENTS, "Adapters publish events, each under its own origin."),
    "sendState": _Flow("send", subjects.STATE, "The API stores a version of a document that a user wrote."),
    "sendConnections": _Flow("send", subjects.CONNECTIONS, "Workers look up the connections that they serve."),
    "sendMetrics": _Flow("send", subjects.METRICS, "Any subscriber may follow the measurements."),
    "receiveMetrics": _Flow("receive", subjects.METRICS, "Adapters publish measurements."),
    "sendSeen": _Flow("send", subjects.SEEN, "The newest observation of each object in a cluster, by discovery."),
    "sendDeadLetters": _Flow(
        "send", subjects.DEADLETTERS, "Commands that could not be processed, and what users did about them."
    ),
}

_PARAMETERS = {
    "workspace": f"The tenant; `{subjects.SYSTEM_WORKSPACE}` for events that belong to none.",
    "adapter": "The adapter that executes the operation.",
    "connection": "The connection of the mesh or object.",
    "queue": f"The mesh whose operations run one at a time, or `{subjects.UNORDERED}`.",
    "operation": "The operation's ULID.",
    "origin": "The publisher: an adapter's name, `api`, `scheduler`, `notifier` or `discovery`.",
    "entity": "The kind of entity it is about, such as `operation` or `proxy`.",
    "kind": "The kind of resource, such as `design`.",
    "id": "The entity's id, in which `=` stands for the `~` between its parts and `_XX` for a byte in hex.",
    "mesh": "The mesh that was measured.",
}

_HEADERS: dict[str, dict[str, Any]] = {
    "ce-specversion": {"type": "string", "const": "1.0"},
    "ce-id": {"type": "string", "description": "Unique together with ce-source."},
    "ce-source": {"type": "string", "format": "uri-reference"},
    "ce-type": {"type": "string", "description": "The wire name of the message."},
    "ce-time": {"type": "string", "format": "date-time"},
    "ce-subject": {"type": "string"},
    "ce-datacontenttype": {"type": "string", "const": "application/json"},
    "ce-dataschema": {"type": "string", "format": "uri"},
    "Nats-Msg-Id": {"type": "string", "description": "Repeating it within the window stores nothing new."},
    "traceparent": {"type": "string", "description": "W3C trace context."},
    "ce-traceparent": {"type": "string", "description": "The same, for readers of attributes only."},
}
_REQUIRED_HEADERS = ("ce-specversion", "ce-id", "ce-source", "ce-type")


def document() -> dict[str, Any]:
    """The AsyncAPI 3.1 document, self-contained."""
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Meshwright",
            "version": CONTRACT_VERSION,
            "description": "Commands, events, state and metrics on NATS JetStream, "
            "as CloudEvents 1.0 in binary mode: attributes are `ce-*` headers, the payload is JSON.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "localhost:4222", "protocol": "nats", "description": "NATS with JetStream"}},
        "channels": {channel.stream.lower(): _channel(channel) for channel in subjects.CHANNELS},
        "operations": {name: _operation(flow) for name, flow in _FLOWS.items()},
        "components": {
            "messages": {kind.wire.name: _message(kind) for kind in catalog.MESSAGE_TYPES},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
            "schemas": jsonschema.components(catalog.MESSAGE_TYPES, _SCHEMAS),
        },
    }


def _channel(channel: subjects.Channel) -> dict[str, Any]:
    names = re.findall(r"\{([a-z]+)\}", channel.address)
    return {
        "address": channel.address,
        "summary": channel.summary,
        "servers": [{"$ref": "#/servers/nats"}],
        "parameters": {name: {"description": _PARAMETERS[name]} for name in names},
        "messages": {
            kind.wire.name: {"$ref": f"#/components/messages/{kind.wire.name}"}
            for kind in CHANNEL_MESSAGES[channel.stream]
        },
        "x-stream": channel.stream,
        "x-filter-subject": channel.wildcard,
    }


def _operation(flow: _Flow) -> dict[str, Any]:
    channel = f"#/channels/{flow.channel.stream.lower()}"
    messages = CHANNEL_MESSAGES[flow.channel.stream]
    return {
        "action": flow.action,
        "channel": {"$ref": channel},
        "summary": flow.summary,
        "messages": [{"$ref": f"{channel}/messages/{kind.wire.name}"} for kind in messages],
    }


def _message(kind: type[Message]) -> dict[str, Any]:
    return {
        "name": kind.wire.name,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").partition("\n\n")[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {"ce-type": {"const": kind.wire.name}},
            "required": ["ce-type"],
        },
        "payload": {"$ref": _SCHEMAS.format(name=kind.__name__)},
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "x-entity": kind.wire.entity,
    }


def _headers() -> dict[str, Any]:
    return {"type": "object", "properties": _HEADERS, "required": list(_REQUIRED_HEADERS)}
