"""What the bus can refuse.

    BusError
    ├── BusUnavailable            no answer in time, or JetStream is down: nothing is known to be written
    │   ├── BusFull               the stream is at its limit: nothing was written
    │   ├── InsufficientStorage   the server cannot reserve what the streams may hold
    │   └── AccessRefused         the server refuses the credentials, or admits anonymous clients
    ├── TooLarge                  more bytes than the server takes in one message
    ├── NoResponders              nobody listens to a request
    ├── Conflict                  another writer was first (expected sequence or revision is stale)
    ├── Rewound                   a stream no longer holds what was read from it
    └── InvalidEnvelope           a message without the CloudEvents headers that every message carries

Invariant: errors of the NATS client never leave this package.
"""


class BusError(Exception):
    """The common part."""


class BusUnavailable(BusError):
    """NATS did not answer in time; retrying with the same message id is safe."""


class BusFull(BusUnavailable):
    """A stream refused the message because it is full."""


class InsufficientStorage(BusUnavailable):
    """JetStream cannot reserve the storage of the streams; the text says what to do."""


class AccessRefused(BusUnavailable):
    """The server cannot be used with these credentials and settings; the text says why and what to do."""


class TooLarge(BusError):
    """More bytes than the server takes in one message; the text names both numbers. Nothing was sent."""


class NoResponders(BusError):
    """Nobody listens to the subject of a request."""


class Conflict(BusError):
    """Another writer was first; `current` is the last sequence in `stream`, where the server gives it."""

    def __init__(self, text: str, current: int | None = None, stream: str = "") -> None:
        super().__init__(text)
        self.current = current
        self.stream = stream


class Rewound(BusError):
    """The stream went back: its server lost its newest messages in a power cut, or was restored from a copy.

    Sequences that were read before stand for other messages now, so whatever was made of them is to be made again.
    """


class InvalidEnvelope(BusError):
    """The message is not a CloudEvent in binary mode."""
