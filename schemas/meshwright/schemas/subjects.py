"""The subject table: every address on the bus, and the stream that keeps it.

Problem: a subject string written twice drifts apart from its permissions, filters and documents.
Invariant: this table is the only place that spells a subject; code builds subjects with these functions,
and streams, NATS permissions and AsyncAPI are derived from `CHANNELS`.
"""

import re

from meshwright.schemas.base import Model

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
SYSTEM_WORKSPACE = "system"
"""Facts that belong to no tenant (adapters coming and going) are told under this workspace token."""
UNORDERED = "_"
"""The queue token of operations that change nothing and so need no order."""


class Channel(Model, frozen=True, kw_only=True):
    """One family of subjects: an address template, its stream, and what it is for."""

    address: str
    stream: str
    summary: str

    @property
    def wildcard(self) -> str:
        """The address with every parameter as `*`."""
        return re.sub(r"\{[a-z]+\}", "*", self.address)


COMMANDS = Channel(
    address="mw.cmd.{workspace}.{adapter}.{connection}.{queue}.{operation}",
    stream="COMMANDS",
    summary="Asks one adapter for one operation. `queue` is the mesh whose operations run in order, or `_`.",
)
EVENTS = Channel(
    address="mw.evt.{workspace}.{origin}.{entity}.{id}",
    stream="EVENTS",
    summary="What one origin (an adapter, the API, the scheduler) says of one entity, in order.",
)
STATE = Channel(
    address="mw.state.{workspace}.{kind}.{id}",
    stream="STATE",
    summary="What people write: whole documents, one message per version, a tombstone on delete.",
)
METRICS = Channel(
    address="mw.metric.{workspace}.{origin}.{mesh}",
    stream="METRICS",
    summary="Measurements of a mesh, a window at a time.",
)
DEADLETTERS = Channel(
    address="mw.dlq.{workspace}.{adapter}.{operation}",
    stream="DEADLETTERS",
    summary="Commands that could not be processed, with the reason, and what people did about each.",
)
CHANNELS: tuple[Channel, ...] = (COMMANDS, EVENTS, STATE, METRICS, DEADLETTERS)

ADVISORY_SUBJECTS: tuple[str, ...] = (
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
    "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
)
"""The server's own notices of messages given up; the ADVISORIES stream keeps them."""


def fill(channel: Channel, **tokens: str) -> str:
    """The subject of that channel; a token left out or "*" becomes a wildcard.

    Raises ValueError when a token could change the meaning of the subject (dots, wildcards, spaces), or when
    the channel has no such token.
    """
    for name, value in tokens.items():
        if f"{{{name}}}" not in channel.address:
            raise ValueError(f"{channel.address} has no {name}")
        if value != "*" and not TOKEN.match(value):
            raise ValueError(f"{value!r} cannot stand in a subject as {name}: letters, digits, - and _ only")
    return re.sub(r"\{([a-z]+)\}", lambda found: tokens.get(found.group(1), "*"), channel.address)


def parse(channel: Channel, subject: str) -> dict[str, str]:
    """The tokens of a subject by name, or an empty dict when it is not of that channel."""
    names, tokens = channel.address.split("."), subject.split(".")
    if len(names) != len(tokens):
        return {}
    found = {}
    for name, token in zip(names, tokens, strict=True):
        if name.startswith("{"):
            found[name[1:-1]] = token
        elif name != token:
            return {}
    return found


def can_be_filled(*tokens: str) -> bool:
    """Whether `fill` would take these: NATS itself allows more in a subject than Meshwright ever puts there."""
    return all(TOKEN.match(token) for token in tokens)


def service_subject(adapter: str, endpoint: str) -> str:
    """Where any live worker of an adapter answers requests (core NATS, not stored)."""
    if not TOKEN.match(adapter) or not TOKEN.match(endpoint):
        raise ValueError(f"{adapter!r} or {endpoint!r} cannot stand in a subject")
    return f"mw.srv.{adapter}.{endpoint}"
