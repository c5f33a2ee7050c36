"""Listing a collection and following what becomes of it, until cancelled.

Problem: a watch ends at any time, its history is forgotten (410), and what is deleted meanwhile is told by nobody.
Invariant: the events of one watch, put together, are at each Synced exactly what the server has: nothing missing, no
ghost, no version twice; of the objects only reference, UID and version are remembered, and those that an item was
given with are kept as they are, so that whoever remembers them too adds no copies.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

import msgspec

from meshwright.core.kit.kubernetes import errors, objects
from meshwright.core.kit.kubernetes.discovery import Api
from meshwright.core.kit.kubernetes.objects import Item, WatchEvent
from meshwright.core.kit.kubernetes.transport import JSON, Transport
from meshwright.schemas.references import ResourceRef

PAGE = 500
_SERVER_TIMEOUT = 300
"""seconds after which the server ends a watch by itself, so that many of them spread over its replicas"""
_LONG_OUTAGE = 60.0
"""seconds after which a server that comes back is listed anew"""
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0


class Collection(msgspec.Struct, frozen=True):
    """What is listed and watched."""

    api: Api
    namespace: str = ""
    labels: str = ""
    fields: str = ""
    metadata_only: bool = False
    """of each object no more than its metadata is sent"""

    @property
    def path(self) -> str:
        """Its URL path."""
        return self.api.path(self.namespace)

    @property
    def query(self) -> dict[str, str]:
        """What narrows it."""
        values = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {key: value for key, value in values.items() if value}

    def accept(self, what: Literal["PartialObjectMetadataList", "PartialObjectMetadata"]) -> str:
        """The media type of lists, or of what a watch tells."""
        return f"{JSON};as={what};g=meta.k8s.io;v=v1,{JSON}" if self.metadata_only else JSON


class _Event(msgspec.Struct, frozen=True):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


async def pages(
    transport: Transport, collection: Collection, *, consistent: bool
) -> AsyncGenerator[objects.Page, None]:
    """A collection page by page. When the list's version is forgotten meanwhile, what is consistent raises Gone, and
    what need not be goes on with newer objects. Raises KubernetesError.
    """
    query = {**collection.query, "limit": str(PAGE)}
    while True:
        try:
            accept = collection.accept("PartialObjectMetadataList")
            reply = await transport.send("GET", collection.path, query=query, accept=accept)
        except errors.Gone as gone:
            more = gone.status.metadata.more
            if consistent or not more:
                raise
            query["continue"] = more
            continue
        page = msgspec.json.decode(reply.body, type=objects.Page)
        yield page
        if not page.metadata.more:
            return
        query["continue"] = page.metadata.more


async def items(transport: Transport, collection: Collection) -> AsyncGenerator[Item, None]:
    """Every object of a collection. Raises KubernetesError."""
    api = collection.api
    async with aclosing(pages(transport, collection, consistent=False)) as listed:
        async for page in listed:
            for raw in page.items:
                yield objects.item(api.group, api.kind, raw, api.api_version)


class _Known(msgspec.Struct, frozen=True, gc=False):
    """The state of one object that was told."""

    uid: str
    version: str


class Watch:
    """One watch; iterate over `events` once."""

    def __init__(self, transport: Transport, collection: Collection) -> None:
        self._transport = transport
        self._collection = collection
        self._known: dict[ResourceRef, _Known] = {}
        self._version = ""
        self._is_synced = False
        self._pause = _FIRST_PAUSE
        self._lost_at = 0.0
        """when the server was lost; 0: it is not"""

    async def events(self) -> AsyncGenerator[WatchEvent, None]:
        """What is there, Synced, then what changes; until cancelled.

        Raises NotFound when the kind itself is no longer served (everything is told as deleted before), Closed.
        """
        is_interrupted = False
        while True:
            try:
                if self._lost_at and self._version:
                    await self._assure()
                async with aclosing(self._followed() if self._version else self._listed()) as events:
                    async for event in events:
                        is_interrupted, self._lost_at, self._pause = False, 0.0, _FIRST_PAUSE
                        yield event
            except errors.Gone:
                self._version, self._is_synced = "", False
            except errors.Closed:
                raise
            except errors.NotFound:
                for gone in self._forget_all():
                    yield gone
                raise
            except errors.KubernetesError as error:
                self._is_synced = False
                self._lost_at = self._lost_at or asyncio.get_running_loop().time()
                if not is_interrupted:
                    is_interrupted = True
                    yield objects.Interrupted(error.failure)
                await self._rest(error.after if isinstance(error, errors.TooManyRequests) else 0.0)

    async def _assure(self) -> None:
        """List anew unless the history is still the one that we follow; after a long outage nothing is assumed.

        A cluster that was put back from a copy goes on at an earlier version, and would tell nothing for long.
        Raises KubernetesError.
        """
        if asyncio.get_running_loop().time() - self._lost_at > _LONG_OUTAGE:
            self._version = ""
            return
        query = {**self._collection.query, "limit": "1"}
        reply = await self._transport.send("GET", self._collection.path, query=query)
        current = msgspec.json.decode(reply.body, type=objects.Page).metadata.version
        if current.isdigit() and self._version.isdigit() and int(current) < int(self._version):
            self._version = ""

    async def _rest(self, least: float) -> None:
        await asyncio.sleep(max(least, self._pause * random.uniform(0.5, 1.0)))  # noqa: S311 - spreads load
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def _listed(self) -> AsyncGenerator[WatchEvent, None]:
        api, seen, version = self._collection.api, set[ResourceRef](), ""
        async with aclosing(pages(self._transport, self._collection, consistent=True)) as listed:
            async for page in listed:
                version = page.metadata.version
                for raw in page.items:
                    item = objects.item(api.group, api.kind, raw, api.api_version)
                    seen.add(item.ref)
                    for event in self._told(item):
                        yield event
        for ref in [ref for ref in self._known if ref not in seen]:
            yield self._forget(ref)
        self._version, self._is_synced = version, True
        yield objects.Synced(version)

    async def _followed(self) -> AsyncGenerator[WatchEvent, None]:
        query = {
            **self._collection.query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(_SERVER_TIMEOUT * random.uniform(1.0, 2.0))),  # noqa: S311 - spreads load
        }
        began_at = asyncio.get_running_loop().time()
        accept = self._collection.accept("PartialObjectMetadata")
        async with self._transport.lines(self._collection.path, query=query, accept=accept) as lines:
            if not self._is_synced:  # nothing was missed: the server goes on where it stopped
                self._is_synced = True
                yield objects.Synced(self._version)
            async for line in lines:
                if line.strip():
                    for event in self._read(line):
                        yield event
        if asyncio.get_running_loop().time() - began_at < 1.0:
            await self._rest(0.0)  # a server that ends every watch at once is not asked in a loop

    def _read(self, line: bytes) -> list[WatchEvent]:
        api = self._collection.api
        try:
            event = msgspec.json.decode(line, type=_Event)
        except msgspec.DecodeError as error:
            raise errors.Unreachable(f"GET {self._collection.path}: the stream broke off: {error}") from error
        if event.type == "ERROR":
            status = msgspec.json.decode(event.object, type=errors.Status)
            raise errors.from_response(status.code or 500, bytes(event.object), f"GET {self._collection.path}")
        item = objects.item(api.group, api.kind, event.object, api.api_version)
        events: list[WatchEvent] = []
        if event.type == "DELETED":
            events = [self._forget(item.ref)] if item.ref in self._known else []
        elif event.type != "BOOKMARK":
            events = self._told(item)
        self._version = item.version
        return events

    def _told(self, item: Item) -> list[WatchEvent]:
        before, self._known[item.ref] = self._known.get(item.ref), _Known(item.uid, item.version)
        if before is None:
            return [objects.Added(item)]
        if before.uid != item.uid:
            return [objects.Deleted(item.ref, before.uid), objects.Added(item)]
        return [objects.Modified(item)] if before.version != item.version else []

    def _forget(self, ref: ResourceRef) -> objects.Deleted:
        return objects.Deleted(ref, self._known.pop(ref).uid)

    def _forget_all(self) -> list[objects.Deleted]:
        return [self._forget(ref) for ref in list(self._known)]
