"""Blobs: payloads too large for a message, stored once under the digest of their content.

Invariant: the name of a blob is the SHA-256 of its bytes, so storing it twice changes nothing and what is read
is checked against its name.
"""

import hashlib

import nats.errors
import nats.js.errors

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.errors import BusError, BusUnavailable

_STORE = "mw_blobs"


class NoSuchBlob(BusError):
    """No blob has that digest, or what is stored under it is damaged."""


async def store(bus: Connection, content: bytes) -> str:
    """Store bytes and return their digest, 64 hexadecimal digits. Raises BusUnavailable."""
    digest = hashlib.sha256(content).hexdigest()
    try:
        objects = await bus.js.create_object_store(_STORE)
        await objects.put(digest, content)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise BusUnavailable(f"could not store a blob: {error!r}") from error
    return digest


async def load(bus: Connection, digest: str) -> bytes:
    """The bytes of a digest. Raises NoSuchBlob, BusUnavailable."""
    try:
        objects = await bus.js.object_store(_STORE)
        about = await objects.get_info(digest)
    except (nats.js.errors.NotFoundError, nats.js.errors.ObjectNotFoundError) as error:
        raise NoSuchBlob(f"no blob {digest}") from error
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise BusUnavailable(f"could not read a blob: {error!r}") from error
    # The client's own way leaves a consumer in the server for five minutes, each time.
    content, seq = bytearray(), 1
    while chunk := await bus.following(f"OBJ_{_STORE}", seq, f"$O.{_STORE}.C.{about.nuid}"):
        content += chunk.payload
        seq = chunk.seq + 1
    if hashlib.sha256(content).hexdigest() != digest:
        raise NoSuchBlob(f"blob {digest} is damaged")
    return bytes(content)
