"""The subject table: every address on the bus, the stream that stores it, and who may write and read there.

Problem: a subject string written twice drifts apart from its permissions, filters and documents. Invariant: this table
is the only place that contains subjects; code builds subjects with these functions, and streams, NATS permissions and
AsyncAPI are derived from `CHANNELS`, `BUCKETS` and `QUEUES`.
"""

import re

from meshwright.schemas import ids
from meshwright.schemas.base import Model

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
SYSTEM_WORKSPACE = "system"
"""the workspace token of events that belong to no tenant (for example of adapters)"""
UNORDERED = "_"
"""the queue token of operations that change nothing and so need no order"""
_ID = "id"
_ID_PARAMETER = "{id}"

API, PROJECTOR, SCHEDULER, NOTIFIER, DISCOVERY = "api", "projector", "scheduler", "notifier", "discovery"
OBSERVER = "observer"
ADAPTER = "adapter-{adapter}"
"""the workers of one adapter; in their grants, `{adapter}` is that adapter's name"""
COMPONENTS: tuple[str, ...] = (API, PROJECTOR, SCHEDULER, NOTIFIER, DISCOVERY, OBSERVER)
"""the components that connect, except adapters; an observer is a user or program that reads events and changes
nothing"""

ACCEPTED_ORIGIN = "commands"
"""the origin of the copies of commands: not `api`, whose newest message about an operation is its cancellation"""
COPIED_KINDS = ("workspace", "connection", "design")
"""the kinds of STATE that are copied into EVENTS; tokens are not among them"""


class Grant(Model, frozen=True):
    """One component may use the subjects of a channel that have these tokens, or all of them."""

    component: str
    tokens: dict[str, str] = {}


class Channel(Model, frozen=True, kw_only=True):
    """One family of subjects: an address template, its stream, its purpose, and who may use it.

    `follows` may consume the stream, `looks` may read single messages; both see all of it. `hears` may subscribe to
    messages before they are stored.
    """

    address: str
    stream: str
    summary: str
    writes: tuple[Grant, ...] = ()
    hears: tuple[Grant, ...] = ()
    follows: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()

    @property
    def wildcard(self) -> str:
        """The address with every parameter as `*`."""
        return re.sub(r"\{[a-z]+\}", "*", self.address)


COMMANDS = Channel(
    address="mw.cmd.{workspace}.{adapter}.{connection}.{queue}.{operation}",
    stream="COMMANDS",
    summary="Asks one adapter for one operation. `queue` is the mesh whose operations run in order, or `_`.",
    writes=(Grant(API),),
    looks=(API, SCHEDULER, ADAPTER),
)
EVENTS = Channel(
    address="mw.evt.{workspace}.{origin}.{entity}.{id}",
    stream="EVENTS",
    summary="The events of one origin (an adapter, the API, the scheduler) about one entity, in order.",
    writes=(
        Grant(API, {"origin": API}),
        Grant(SCHEDULER, {"origin": SCHEDULER}),
        Grant(NOTIFIER, {"origin": NOTIFIER}),
        Grant(DISCOVERY, {"origin": DISCOVERY, "entity": "connection"}),
        Grant(ADAPTER, {"origin": "{adapter}"}),
        # repairs of copies that the server has missed
        Grant(SCHEDULER, {"origin": ACCEPTED_ORIGIN, "entity": "operation"}),
        *(Grant(SCHEDULER, {"origin": API, "entity": kind}) for kind in COPIED_KINDS),
    ),
    hears=(Grant(ADAPTER, {"entity": "operation"}), Grant(OBSERVER)),
    follows=(API, PROJECTOR, SCHEDULER, NOTIFIER),
    looks=(ADAPTER, DISCOVERY),
)
STATE = Channel(
    address="mw.state.{workspace}.{kind}.{id}",
    stream="STATE",
    summary="What users write: whole documents, one message per version, a tombstone on delete.",
    writes=(Grant(API), Grant(NOTIFIER, {"kind": "webhook"})),
    follows=(API, PROJECTOR, NOTIFIER),
    looks=(SCHEDULER,),
)
CONNECTIONS = Channel(
    address="mw.connection.{workspace}.{id}",
    stream="CONNECTIONS",
    summary="The newest version of each connection, or its tombstone, which the server copies from STATE for workers.",
    writes=(Grant(SCHEDULER),),  # repairs of copies that the server has missed
    looks=(SCHEDULER, ADAPTER, DISCOVERY),
)
METRICS = Channel(
    address="mw.metric.{workspace}.{origin}.{mesh}",
    stream="METRICS",
    summary="Measurements of a mesh, a window at a time.",
    writes=(Grant(ADAPTER, {"origin": "{adapter}"}),),
    hears=(Grant(OBSERVER),),
    follows=(PROJECTOR,),
    looks=(API,),
)
DEADLETTERS = Channel(
    address="mw.dlq.{workspace}.{adapter}.{operation}",
    stream="DEADLETTERS",
    summary="Commands that could not be processed, with the reason, and what users did about each.",
    writes=(Grant(API), Grant(SCHEDULER)),
    follows=(PROJECTOR,),
    looks=(API, SCHEDULER),
)
SEEN = Channel(
    address="mw.seen.{workspace}.{connection}.{id}",
    stream="SEEN",
    summary="The newest observation of each object in a cluster; the removal of an object is kept for a week.",
    writes=(Grant(DISCOVERY),),
    follows=(PROJECTOR,),
    looks=(DISCOVERY, ADAPTER),
)
CHANNELS: tuple[Channel, ...] = (COMMANDS, EVENTS, STATE, CONNECTIONS, METRICS, DEADLETTERS, SEEN)

ADVISORIES = "ADVISORIES"
ADVISORY_SUBJECTS: tuple[str, ...] = (
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
    "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
)
"""the server's advisories about undelivered messages; the ADVISORIES stream stores them"""


class Bucket(Model, frozen=True, kw_only=True):
    """One key-value bucket. With `ttl` every value expires after that many seconds.

    `writes` holds the keys (wildcards allowed) that a component may write; `reads` may read and watch all of them.
    """

    name: str
    ttl: float = 0
    writes: tuple[tuple[str, str], ...]
    reads: tuple[str, ...] = ()

    @property
    def stream(self) -> str:
        """The stream behind the bucket."""
        return f"KV_{self.name}"


ADAPTER_LEASE = "adapter.{adapter}."
"""prefix of the leases of an adapter, one for each task that only one of its workers may do"""
DISCOVERY_LEASE = "discovery."
"""prefix of the leases of discovery, one for each connection"""
LEASES = Bucket(
    name="mw_leases",
    ttl=5.0,
    writes=(
        (PROJECTOR, "projector"),
        (PROJECTOR, "projection-rebuild"),
        (SCHEDULER, "scheduler"),
        (NOTIFIER, "notifier"),
        (DISCOVERY, f"{DISCOVERY_LEASE}*"),
        (ADAPTER, f"{ADAPTER_LEASE}*"),
    ),
)
PRESENCE = Bucket(name="mw_presence", ttl=6.0, writes=((ADAPTER, "{adapter}.*"),), reads=(API, SCHEDULER))
TURNS = Bucket(name="mw_turns", writes=((ADAPTER, "*.{adapter}.*.*"),))
SCHEDULED = Bucket(name="mw_scheduler", writes=((SCHEDULER, "*"),))
DELIVERIES = Bucket(name="mw_notifier", writes=((NOTIFIER, ">"),))
HEALTH = Bucket(name="mw_health", writes=((API, API),))
"""one key for each kind of process that checks that it can write"""
SESSIONS = Bucket(name="mw_sessions", ttl=30 * 86400.0, writes=((API, "session.*"), (API, "code.*")))
"""browser sessions and one-time codes, each under the digest of its secret"""
ADAPTERS_OWN = Bucket(name="mw_adapter_{adapter}", writes=((ADAPTER, ">"),))
"""the data of an adapter, all its `runtime.bucket(...)` together"""
BUCKETS: tuple[Bucket, ...] = (LEASES, PRESENCE, TURNS, SCHEDULED, DELIVERIES, HEALTH, SESSIONS, ADAPTERS_OWN)


class Queue(Model, frozen=True, kw_only=True):
    """A durable consumer: all processes of `component` share its messages."""

    component: str
    stream: str
    name: str
    filter: str


ASKED = Queue(component=ADAPTER, stream=COMMANDS.stream, name="adapter-{adapter}", filter="mw.cmd.*.{adapter}.*.*.*")
"""the commands of an adapter"""
DEAD_COMMANDS = Queue(
    component=SCHEDULER,
    stream=ADVISORIES,
    name="scheduler-dead-letters",
    filter=f"$JS.EVENT.ADVISORY.CONSUMER.*.{COMMANDS.stream}.*",
)
"""commands that could not be delivered"""
QUEUES: tuple[Queue, ...] = (ASKED, DEAD_COMMANDS)


def fill(channel: Channel, **tokens: str) -> str:
    """The subject of that channel; a token left out or "*" becomes a wildcard, an `id` is encoded (see `ids`).

    Raises ValueError when another token could change the meaning of the subject (dots, wildcards, spaces), when an id
    is empty or too long, or when the channel has no such token.
    """
    for name, value in tokens.items():
        if f"{{{name}}}" not in channel.address:
            raise ValueError(f"{channel.address} has no {name}")
        if value != "*" and name != _ID and not TOKEN.match(value):
            raise ValueError(f"{value!r} cannot be used in a subject as {name}: letters, digits, - and _ only")
    if tokens.get(_ID, "*") != "*":
        tokens[_ID] = ids.to_token(tokens[_ID])
    return re.sub(r"\{([a-z]+)\}", lambda given: tokens.get(given.group(1), "*"), channel.address)


def parse(channel: Channel, subject: str) -> dict[str, str]:
    """The tokens of a subject by name, its `id` decoded, or an empty dict when it is not of that channel."""
    names, tokens = channel.address.split("."), subject.split(".")
    if len(names) != len(tokens):
        return {}
    values = {}
    for name, token in zip(names, tokens, strict=True):
        if name.startswith("{"):
            values[name[1:-1]] = ids.of_token(token) if name == _ID_PARAMETER else token
        elif name != token:
            return {}
    return values


def can_be_filled(*tokens: str) -> bool:
    """Whether `fill` accepts these tokens: NATS allows more in a subject than Meshwright uses."""
    return all(TOKEN.match(token) for token in tokens)


def service_subject(adapter: str, endpoint: str) -> str:
    """The subject at which any live worker of an adapter answers requests (core NATS, not stored)."""
    if not TOKEN.match(adapter) or not TOKEN.match(endpoint):
        raise ValueError(f"{adapter!r} or {endpoint!r} cannot be used in a subject")
    return SERVICE.format(adapter=adapter, endpoint=endpoint)


SERVICE = "mw.srv.{adapter}.{endpoint}"
"""the subjects on which an adapter's workers answer requests of the API"""
