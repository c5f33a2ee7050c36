"""One connection to MongoDB per process.

Invariant: it is made inside the running loop (asyncio's or uvloop's), every call on it ends within `timeout`,
and leaving the `connect` block closes it. Writes are acknowledged by a majority and its journal: a projector
whose memory is ahead of its database after a crash of mongod would leave a gap. What is read is plain data, of the
types that JSON has.

A mongod that was put back from an older copy, or made anew at the same address, has held fewer elections than the
client remembers, and the driver takes it for a stale primary for good. So a client that finds nobody to write to is
replaced.
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
_LOOK = 1.0
_PATIENCE = 4.0
"""seconds without a server to write to until the client is replaced"""


class _PlainInteger(TypeDecoder):
    """The driver reads whole numbers beyond 32 bits as a subclass of int, which no JSON encoder takes."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


class _PlainObject(TypeDecoder):
    """The driver takes any object with `$ref` and `$id` for a reference of its own."""

    bson_type = DBRef

    def transform_bson(self, value: Any) -> Document:
        return dict(value.as_doc())


_PLAIN = TypeRegistry([_PlainInteger(), _PlainObject()])


class Database:
    """A database that the other modules of this package work on. Outside of it: something to pass along."""

    def __init__(self, make: Callable[[], _Client], name: str, timeout: float) -> None:
        self._make = make
        self._name = name
        self._timeout = timeout
        self.trusted = True
        """whether what it holds may be shown"""
        self._open()

    @property
    def name(self) -> str:
        """What it is called on its server."""
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
            await asyncio.sleep(_LOOK)
            if self._client.delegate.topology_description.has_writable_server():
                seen = loop.time()
            elif loop.time() - seen > _PATIENCE:
                self._client.close()
                self._open()
                seen = loop.time()

    @contextmanager
    def bounded(self, what: str) -> Iterator[None]:
        """Several calls that together end within the timeout of one; `what` completes "could not ...".

        Raises StoreUnavailable.
        """
        with translated(what), pymongo.timeout(self._timeout):
            yield

    def collection(self, name: str) -> Collection:
        """A collection by its full name."""
        return self._database[name]

    async def collection_names(self) -> list[str]:
        """Raises StoreUnavailable."""
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
    """The database of that name. Does not wait for the server: calls raise StoreUnavailable while it is away.

    `user` counts instead of the one in the address.

    `timeout` in seconds bounds each call, the search for a server included; with `retry` a read that failed is tried
    again within it.

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
    except (PyMongoError, ValueError) as error:  # also for what is no address at all
        raise InvalidAddress(redacted(f"{url!r} is no address of MongoDB: {error}")) from None
    keeping = asyncio.create_task(opened._keep_open())
    try:
        yield opened
    finally:
        await ending.end(keeping)
        opened._client.close()
