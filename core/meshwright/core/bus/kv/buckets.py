"""Buckets: small shared values with compare-and-set, on NATS key-value.

Invariant: `create` and `update` succeed for exactly one of several concurrent writers; a watch first yields the present
values, then every change, and restarts by itself after the server was unavailable.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import nats.errors
import nats.js.errors
from nats.js.api import KeyValueConfig, StorageType

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import BusUnavailable, Conflict, Rewound
from meshwright.core.bus.kv.entries import Change, Entry
from meshwright.core.bus.stream import lookups
from meshwright.core.bus.stream.publishing import EXPECTED_LAST
from meshwright.core.bus.waiting import until_available

log = logging.getLogger(__name__)
_DELETED = ("DEL", "PURGE")
_MARKER = "Nats-Marker-Reason"
_POLL_S = 0.25
"""seconds between two polls for expired values, for which the server publishes nothing"""
_WRONG_LAST = (10071, 10164)


class Bucket:
    """One key-value bucket. Keys are `[A-Za-z0-9_=.-]+`, tokens divided by dots. Methods raise BusUnavailable."""

    def __init__(self, bus: Connection, name: str, prefix: str = "") -> None:
        """With `prefix` every key starts with it, so that several buckets share one stream."""
        self._bus = bus
        self._root = f"$KV.{name}.{prefix}"
        self.name = name

    async def get(self, key: str) -> Entry | None:
        """The value of a key, or None."""
        message = await self._newest(key)
        return None if message is None or _is_gone(message) else Entry(message.payload, message.seq)

    async def create(self, key: str, value: bytes, ttl: float | None = None) -> int:
        """Set a key that has no value; with `ttl` it expires after that many seconds.

        Raises Conflict when it has a value.
        """
        try:
            return await self._store(key, value, expected=0, ttl=ttl)
        except Conflict:
            # An expired value leaves a marker that the client does not treat as a deletion: without this the key could
            # not be created until the marker expires too.
            marker = await self._newest(key)
            if marker is None or not _is_gone(marker):
                raise
            return await self._store(key, value, expected=marker.seq, ttl=ttl)

    async def create_unused(self, key: str, value: bytes) -> int:
        """Set a key that never had a value and was never deleted. Raises Conflict otherwise."""
        return await self._store(key, value, expected=0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replace the value that was read at `revision`.

        Raises Conflict when another writer came first.
        """
        return await self._store(key, value, expected=revision)

    async def put(self, key: str, value: bytes) -> int:
        """Set a key unconditionally."""
        return await self._store(key, value)

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Remove a key, whether or not it exists; with `revision` only if that is still its revision.

        Raises Conflict when another writer came first.
        """
        await self._store(key, b"", expected=revision, operation="DEL")

    async def _store(
        self, key: str, value: bytes, *, expected: int | None = None, operation: str = "", ttl: float | None = None
    ) -> int:
        headers = {} if expected is None else {EXPECTED_LAST: str(expected)}
        if operation:
            headers["KV-Operation"] = operation
        try:
            ack = await self._bus.js.publish(self._subject(key), value, headers=headers or None, msg_ttl=ttl)
        except nats.js.errors.APIError as error:
            if error.err_code in _WRONG_LAST:
                raise Conflict(f"{self.name}/{key} has changed") from error
            raise BusUnavailable(f"bucket {self.name}: {error!r}") from error
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"bucket {self.name}: {error!r}") from error
        return int(ack.seq)

    async def _newest(self, key: str) -> Received | None:
        return await self._bus.last(f"KV_{self.name}", self._subject(key))

    def _subject(self, key: str) -> str:
        return self._root + key

    async def keys(self, prefix: str = "") -> list[str]:
        """The keys that have a value and start with `prefix`, sorted."""
        # The client's own method leaves a consumer on the server for five minutes at each call.
        live: set[str] = set()
        root, seq = self._subject(""), 1
        while message := await self._bus.following(f"KV_{self.name}", seq, f"{root}>"):
            seq = message.seq + 1
            key = message.subject.removeprefix(root)
            if _is_gone(message):
                live.discard(key)
            elif key.startswith(prefix):
                live.add(key)
        return sorted(live)

    @asynccontextmanager
    async def watch(self, prefix: str = "") -> AsyncIterator[AsyncIterator[Change]]:
        """Changes of keys that start with `prefix`: first all present ones, then a Change with key "", then each
        change.

        When the bucket has lost its newest revisions, present values are yielded again and missing ones as expired.
        """
        changes = self._lasting_changes(prefix)
        try:
            yield changes
        finally:
            await changes.aclose()

    async def _lasting_changes(self, prefix: str) -> AsyncGenerator[Change, None]:
        known: set[str] = set()
        while True:
            try:
                async with aclosing(self._changes(prefix)) as changes:
                    async for change in changes:
                        (known.add if change.entry else known.discard)(change.key)
                        yield change
            except BusUnavailable:
                await asyncio.sleep(0.1)
                continue
            except Rewound as error:
                log.error("%s lost revisions: watching it again from its start", error)
            for key in known.difference(await until_available(self.keys, prefix)):
                known.discard(key)
                yield Change(key, None, expired=True)

    async def _changes(self, prefix: str) -> AsyncGenerator[Change, None]:
        stream, root = f"KV_{self.name}", self._root
        newest = await self._newest(">")
        last = newest.seq if newest else 0
        is_synced = last == 0
        if is_synced:
            yield Change("", None)
        seen = 0
        async for batch in lookups.growing(self._bus, stream, self._subject(">"), _POLL_S):
            for message in batch:
                seen = message.seq
                key = message.subject.removeprefix(root)
                if key.startswith(prefix):
                    yield _change(key, message)
            if not is_synced and (seen >= last or not batch):  # the revisions in between are gone
                is_synced = True
                yield Change("", None)


def _is_gone(message: Received) -> bool:
    return message.headers.get("KV-Operation") in _DELETED or _MARKER in message.headers


def _change(key: str, message: Received) -> Change:
    if not _is_gone(message):
        return Change(key, Entry(message.payload, message.seq))
    return Change(key, None, expired=_MARKER in message.headers)


async def open_bucket(bus: Connection, name: str, *, prefix: str = "", ttl: float = 0) -> Bucket:
    """The bucket of that name, or the part of it whose keys start with `prefix`.

    With `ttl` every value expires after that many seconds. A connection that may set up streams creates a missing
    bucket with its number of replicas.

    Raises BusUnavailable.
    """
    config = KeyValueConfig(
        bucket=name, history=1, ttl=ttl or None, storage=StorageType.FILE, replicas=bus.replicas, direct=True
    )
    config.limit_marker_ttl = 60.0 if ttl else None
    deadline = asyncio.get_running_loop().time() + 10.0
    while True:
        try:
            try:
                standing = (await bus.js.stream_info(f"KV_{name}")).config
                if bus.sets_up and (standing.num_replicas or 1) != bus.replicas:
                    standing.num_replicas = bus.replicas
                    await bus.js.update_stream(standing)
            except nats.js.errors.NotFoundError:
                if not bus.sets_up:
                    raise
                await bus.js.create_key_value(config)
            return Bucket(bus, name, prefix)
        except nats.js.errors.BadRequestError:
            await asyncio.sleep(0.05)  # another process created it meanwhile
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise BusUnavailable(f"could not open bucket {name}: {error!r}") from error
            await asyncio.sleep(0.1)
