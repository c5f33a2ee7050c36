"""Reading the views.

Problem: a page must stay correct while documents are added and removed, and no request may inject an operator or a
field into a query. Invariant: lists are keyset pages over (sort field, `_id`); filters and sorts are those of the
`Kind` and compare plain values; a deleted document is invisible. Every method raises StoreUnavailable when MongoDB does
not answer in time, however many calls it makes.
"""

import asyncio
import datetime
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from meshwright.core.store import checkpoints, heartbeat, kinds, paging
from meshwright.core.store.checkpoints import Checkpoint
from meshwright.core.store.connecting import Document
from meshwright.core.store.documents import LoggedEvent, Page, SetAside, Stored
from meshwright.core.store.errors import NotYetVisible
from meshwright.core.store.kinds import Kind
from meshwright.core.store.paging import MAX_PAGE, Plain
from meshwright.core.store.traffic.reading import TrafficViews
from meshwright.schemas.base import Message, Model

T = TypeVar("T", bound=Model | Message)
MAX_COUNT = 100_000
EVENT_FILTERS = ("type", "source", "origin", "entity", "id", "trace_id")
"""the filters of `events`, besides time and text"""


class Views(TrafficViews):
    """The live generation of the views in one database."""

    async def get(self, kind: Kind[T], workspace: str, id: str) -> Stored[T] | None:
        """One document, or None. For versions of designs `id` is `<design>/<version>`."""
        with self._database.bounded(f"read {kind.name}"):
            collection = await self._collection(kind.name)
            document = await collection.find_one(
                {"_id": kinds.key(workspace, id), "deleted": None, **self._of_now(workspace)}
            )
        return None if document is None else _stored(kind, document)

    async def page(
        self,
        kind: Kind[T],
        workspace: str | None,
        *,
        where: Mapping[str, Plain | list[Plain]] | None = None,
        sort: str = "",
        descending: bool = False,
        limit: int = 50,
        cursor: str = "",
        also: Document | None = None,
    ) -> Page[Stored[T]]:
        """A page of at most `limit` (1 to 500) documents; `workspace` None means all of them.

        A list in `where` means any of its values. `sort` is one of `kind.sorts`. `cursor` comes from the page before,
        requested with the same sort and direction. `also` is a further condition that a module of the store made.

        Raises UnknownField, InvalidCursor.
        """
        order = paging.order(kind, sort)
        query = paging.conditions(kind, where or {})
        if workspace is not None:
            query |= {"workspace": workspace, **self._of_now(workspace)}
        query["deleted"] = None
        if also:
            query = {"$and": [query, also]}
        if cursor:
            query = {"$and": [query, paging.after(cursor, order, descending)]}
        size = max(1, min(limit, MAX_PAGE))
        direction = -1 if descending else 1
        with self._database.bounded(f"list {kind.name}"):
            collection = await self._collection(kind.name)
            matching = collection.find(query, _without(kind))
            matching = matching.sort([(order, direction), ("_id", direction)]).limit(size + 1)
            rows = await matching.to_list(size + 1)
        last = paging.cursor(rows[size - 1], order) if len(rows) > size else ""
        return Page(items=[_stored(kind, row) for row in rows[:size]], cursor=last)

    async def count(
        self,
        kind: Kind[T],
        workspace: str | None,
        where: Mapping[str, Plain | list[Plain]] | None = None,
        *,
        also: Document | None = None,
    ) -> int:
        """The number of documents, at most MAX_COUNT; `also` is as in `page`. Raises UnknownField."""
        query = paging.conditions(kind, where or {})
        if workspace is not None:
            query |= {"workspace": workspace, **self._of_now(workspace)}
        query["deleted"] = None
        with self._database.bounded(f"count {kind.name}"):
            collection = await self._collection(kind.name)
            return int(await collection.count_documents({"$and": [query, also]} if also else query, limit=MAX_COUNT))

    async def counts(
        self,
        kind: Kind[T],
        workspace: str,
        by: Sequence[str],
        where: Mapping[str, Plain | list[Plain]] | None = None,
    ) -> dict[tuple[str, ...], int]:
        """The numbers of documents by the values of some of its filters. Raises UnknownField."""
        paging.plain(dict.fromkeys(by, ""), kind.filters, kind.name)
        query = paging.conditions(kind, where or {})
        query |= {"workspace": workspace, "deleted": None, **self._of_now(workspace)}
        group = {"$group": {"_id": [f"${name}" for name in by], "count": {"$sum": 1}}}
        with self._database.bounded(f"count {kind.name}"):
            collection = await self._collection(kind.name)
            rows = await collection.aggregate([{"$match": query}, group]).to_list(None)
        return {tuple(map(str, row["_id"])): int(row["count"]) for row in rows}

    async def events(
        self,
        workspace: str | None,
        *,
        where: Mapping[str, Plain | list[Plain]] | None = None,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        text: str = "",
        after: int = 0,
        before: int = 0,
        limit: int = 50,
    ) -> list[LoggedEvent]:
        """Stored events, newest first; with `after` (a sequence) those behind it, oldest first.

        `where` takes EVENT_FILTERS; `since` is inclusive, `until` exclusive; `text` is a part of the encoded payload,
        compared ignoring case; `before` is a sequence, for the next page backwards.

        Raises UnknownField.
        """
        query = paging.plain(where or {}, EVENT_FILTERS, "events")
        paging.within(query, "time", since, until)
        paging.between(query, after, before)
        if workspace is not None:
            query["workspace"] = workspace
            query = {"$and": [query, self._of_now(workspace, "time")]}
        if "\0" in text:
            return []  # JSON never contains that character itself, and the server refuses to search for it
        if text:
            query["data"] = {"$regex": re.escape(text), "$options": "i"}
        rows = await self._rows(kinds.EVENT_LOG, query, 1 if after else -1, limit)
        return [_logged(row) for row in rows]

    async def set_aside(self, *, limit: int = 50, offset: int = 0) -> list[SetAside]:
        """Messages that could not be projected, newest first."""
        with self._database.bounded("list the messages that were set aside"):
            collection = await self._collection(kinds.SET_ASIDE)
            matching = collection.find({}).sort([("time", -1), ("_id", -1)]).skip(offset).limit(min(limit, MAX_PAGE))
            rows = await matching.to_list(MAX_PAGE)
        return [msgspec.convert(row, SetAside) for row in rows]

    async def set_aside_count(self) -> int:
        """The number of messages that could not be projected, at most MAX_COUNT."""
        with self._database.bounded("count the messages that were set aside"):
            collection = await self._collection(kinds.SET_ASIDE)
            return int(await collection.count_documents({}, limit=MAX_COUNT))

    async def position(self, stream: str) -> Checkpoint:
        """How far a stream is folded in; streams are those of `kinds.STREAMS` and, through EVENTS, COMMANDS."""
        with self._database.bounded(f"read the checkpoint of {stream}"):
            return await checkpoints.read(self._database, await self._live(), stream)

    async def wait(self, stream: str, seq: int, timeout: float = 2.0) -> None:
        """Wait until the views have folded in `stream` up to `seq`; polls every 5 to 40 ms.

        Raises NotYetVisible after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        pause = 0.005
        while True:
            seen = (await self.position(stream)).seq
            if seen >= seq:
                return
            if time.monotonic() + pause > deadline:
                raise NotYetVisible(stream, seq, seen)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.04)

    async def heartbeat(self) -> float | None:
        """Seconds since the projector's last heartbeat; None when there was none."""
        with self._database.bounded("read the projector's heartbeat"):
            return await heartbeat.age(self._database)

    async def ping(self) -> None:
        """Raises StoreUnavailable unless the database answers."""
        await self._database.ping()


def _without(kind: Kind[Any]) -> dict[str, bool] | None:
    """The fields that a page is read without."""
    return dict.fromkeys(kind.heavy, False) or None


def _stored(kind: Kind[T], row: Document) -> Stored[T]:
    return Stored(
        document=kind.read(row),
        workspace=row["workspace"],
        seq=row["seq"],
        updated_at=row["updated_at"],
    )


def _logged(row: Document) -> LoggedEvent:
    fields: dict[str, Any] = {name: row[name] for name in LoggedEvent.__struct_fields__ if name in row}
    return LoggedEvent(**{**fields, "seq": row["_id"], "data": msgspec.Raw(row["data"].encode())})
