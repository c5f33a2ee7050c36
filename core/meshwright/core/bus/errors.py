"""The errors of the bus.

    BusError
    ├── BusUnavailable            no answer in time, or JetStream is down: it is unknown whether it was written
    │   ├── BusFull               the stream is full: nothing was written
    │   ├── InsufficientStorage   the server cannot reserve what the streams may hold
    │   └── AccessRefused         the server refuses the credentials, or admits anonymous clients
    ├── TooLarge                  more bytes than the server takes in one message
    ├── NoResponders              a request has no subscriber
    ├── Conflict                  another writer was first (expected sequence or revision is stale)
    ├── Rewound                   a stream no longer holds what was read from it
    └── InvalidEnvelope           a message without the CloudEvents headers that every message carries

Invariant: errors of the NATS client never leave this package.
"""


class BusError(Exception):
    """Base class of all errors of the bus."""


class BusUnavailable(BusError):
    """NATS did not answer in time; retrying with the same message id is safe."""


class BusFull(BusUnavailable):
    """A stream refused the message because it is full."""


class InsufficientStorage(BusUnavailable):
    """JetStream cannot reserve the storage of the streams; the text says what to do."""


class AccessRefused(BusUnavailable):
    """The server cannot be used with these credentials and settings; the text says why and what to do."""


class TooLarge(BusError):
    """The message exceeds the server's size limit; the text has both sizes. Nothing was sent."""


class NoResponders(BusError):
    """The subject of a request has no subscriber."""


class Conflict(BusError):
    """Another writer was first; `current` is the last sequence in `stream`, where the server gives it."""

    def __init__(self, text: str, current: int | None = None, stream: str = "") -> None:
        super().__init__(text)
        self.current = current
        self.stream = stream


class Rewound(BusError):
    """The stream lost its newest messages: after a power cut of its server, or by a restore from a backup.

    Sequences that were read before now belong to other messages, so whatever was derived from them must be rebuilt.
    """


class InvalidEnvelope(BusError):
    """The message is not a CloudEvent in binary mode."""
