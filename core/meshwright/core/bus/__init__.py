"""The bus: all communication with NATS, and the only package that imports its client.

Rule: a module outside of this package neither imports `nats` nor catches its errors.
"""

from meshwright.core.bus.client.connecting import Connection, connect
from meshwright.core.bus.client.joining import join
from meshwright.core.bus.envelope import Envelope, Received
from meshwright.core.bus.errors import (
    AccessRefused,
    BusError,
    BusFull,
    BusUnavailable,
    Conflict,
    InsufficientStorage,
    InvalidEnvelope,
    NoResponders,
    Rewound,
    TooLarge,
)
from meshwright.core.bus.kv.buckets import Bucket, open_bucket
from meshwright.core.bus.kv.entries import Change, Entry
from meshwright.core.bus.protocols import Bus, Delivery, KeyValue, MessagePublisher, Reply, StreamReader, StreamSize
from meshwright.core.bus.stream.consuming import Job, WorkQueue, jobs
from meshwright.core.bus.stream.lookups import until
from meshwright.core.bus.stream.positions import START, Position, assure
from meshwright.core.bus.stream.publishing import Ack, Publisher
from meshwright.core.bus.stream.storing import Storing
from meshwright.core.bus.stream.tailing import tail
from meshwright.core.bus.waiting import until_available

__all__ = [
    "START",
    "AccessRefused",
    "Ack",
    "Bucket",
    "Bus",
    "BusError",
    "BusFull",
    "BusUnavailable",
    "Change",
    "Conflict",
    "Connection",
    "Delivery",
    "Entry",
    "Envelope",
    "InsufficientStorage",
    "InvalidEnvelope",
    "Job",
    "KeyValue",
    "MessagePublisher",
    "NoResponders",
    "Position",
    "Publisher",
    "Received",
    "Reply",
    "Rewound",
    "Storing",
    "StreamReader",
    "StreamSize",
    "TooLarge",
    "WorkQueue",
    "assure",
    "connect",
    "jobs",
    "join",
    "open_bucket",
    "tail",
    "until",
    "until_available",
]
