"""One connection to MongoDB per process.

Invariant: it is created inside the running loop (asyncio's or uvloop's), every call on it ends within `timeout`, and
leaving the `connect` block closes it. Writes are acknowledged by a majority and its journal: a projector whose memory
is ahead of its database after a crash of mongod would leave a gap. Results are plain data of the types that JSON has.

A mongod that was restored from an older copy, or created again at the same address, has a lower election term than the
client remembers, and the driver treats it as a stale primary for ever. So a client that finds no primary is replaced.

The driver ends its sessions on the server when it is closed, and waits for a server that is away as long as any call
does: a client is closed in a thread, so that nothing else waits with it.
"""

import asyncio
import datetime
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import pymongo
from bson import DBRef, Int64
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from motor import motor_asyncio
from pymongo import WriteConcern
from pymongo.errors import PyMongoError

from meshwright.core import ending
from meshwright.core.security.addresses import redacted
from meshwright.core.security.mongodb_users import Credentials
from meshwright.core.store.errors import InvalidAddress, translated

Document: TypeAlias = dict[str, Any]
"""A document as plain data."""
Collection: TypeAlias = "motor_asyncio.AsyncIOMotorCollection[Document]"
_Client: TypeAlias = "motor_asyncio.AsyncIOMotorClient[Document]"
_POLL_S = 1.0
_REPLACE_AFTER = 4.0
"""seconds without a primary after which the client is replaced"""


class _PlainInteger(TypeDecoder):
    """An integer beyond 32 bits, which the driver decodes to a subclass of int that no JSON encoder accepts."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


class _PlainObject(TypeDecoder):
    """An object with `$ref` and `$id`, which the driver decodes to a DBRef."""

    bson_type = DBRef

    def transform_bson(self, value: Any) -> Document:
        return dict(value.as_doc())


_PLAIN = TypeRegistry([_PlainInteger(), _PlainObject()])


class Database:
    """A database for the other modules of this package; outside of the package it is only passed on."""

    def __init__(self, make: Callable[[], _Client], name: str, timeout: float) -> None:
        self._make = make
        self._name = name
        self._timeout = timeout
        self.trusted = True
        """whether its content may be shown, set once its identity is confirmed"""
        self._open()

    @property
    def name(self) -> str:
        """The database's name on its server."""
        return self._name

    def _open(self) -> None:
        self._client = self._make()
        options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=datetime.UTC, type_registry=_PLAIN)
        majority = WriteConcern("majority", j=True)
        self._database = self._client.get_database(self._name, codec_options=options, write_concern=majority)

    async def _keep_open(self) -> None:
        """Replace the client whenever it finds no primary for long, until cancelled."""
        loop = asyncio.get_running_loop()
        seen = loop.time()
        while True:
            await asyncio.sleep(_POLL_S)
            if self._client.delegate.topology_description.has_writable_server():
                seen = loop.time()
            elif loop.time() - seen > _REPLACE_AFTER:
                old = self._client
                self._open()
                await asyncio.to_thread(old.close)
                seen = loop.time()

    async def _close(self) -> None:
        await asyncio.to_thread(self._client.close)

    @contextmanager
    def bounded(self, what: str) -> Iterator[None]:
        """Run several calls that together end within the timeout of one; `what` completes "could not ...".

        Raises StoreUnavailable.
        """
        with translated(what), pymongo.timeout(self._timeout):
            yield

    def collection(self, name: str) -> Collection:
        """A collection by its full name."""
        return self._database[name]

    async def collection_names(self) -> list[str]:
        """The names of all collections. Raises StoreUnavailable."""
        with translated("list the collections"):
            return list(await self._database.list_collection_names())

    async def ping(self) -> None:
        """Raises StoreUnavailable unless the database answers."""
        with translated("reach MongoDB"):
            await self._database.command("ping")


@asynccontextmanager
async def connect(
    url: str, database: str, *, user: Credentials | None = None, timeout: float = 2.0, retry: bool = True
) -> AsyncIterator[Database]:
    """The database of that name. Does not wait for the server: calls raise StoreUnavailable while it is unavailable.

    `user` overrides the user in the address. `timeout` in seconds bounds each call, server selection included; with
    `retry` a failed read is retried within it.

    Raises InvalidAddress.
    """
    known: dict[str, Any] = {"username": user.username, "password": user.password} if user else {}

    def make() -> _Client:
        return motor_asyncio.AsyncIOMotorClient(
            url,
            serverSelectionTimeoutMS=int(min(timeout, 2.0) * 1000),
            connectTimeoutMS=2000,
            timeoutMS=int(timeout * 1000),
            heartbeatFrequencyMS=2000,
            retryReads=retry,
            retryWrites=False,
            appname="meshwright",
            **known,
        )

    try:
        opened = Database(make, database, timeout)
    except (PyMongoError, ValueError) as error:  # ValueError also for a text that is no address at all
        raise InvalidAddress(redacted(f"{url!r} is not a MongoDB URL: {error}")) from None
    keeping = asyncio.create_task(opened._keep_open())
    try:
        yield opened
    finally:
        await ending.end(keeping)
        await opened._close()
