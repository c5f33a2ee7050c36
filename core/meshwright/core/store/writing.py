"""The projector's writes: bulk writes that may be repeated, overlap and arrive late without harm.

Problem: a projector that was paused may resume and write stale documents, and a bulk write whose answer was lost is
sent again. Invariant: a document is replaced only by one with a higher `seq`, so it never goes back; log rows are named
by their sequence, so they are stored once.

The check is inside the update, as a pipeline that keeps the document unless the new one is newer. A check in the filter
(`{_id, seq: {$lt: new}}` with upsert) would cause duplicate keys and costs the server a fifth more (tests/bench).
"""

import asyncio
import datetime
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from bson.errors import InvalidDocument
from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure

from meshwright.core.store import checkpoints, generations, kinds
from meshwright.core.store.checkpoints import Checkpoint
from meshwright.core.store.connecting import Database, Document
from meshwright.core.store.errors import StoreUnavailable, translated
from meshwright.core.store.kinds import Kind
from meshwright.core.store.storable import storable
from meshwright.schemas.base import Message, Model

log = logging.getLogger(__name__)
TOMBSTONE_KEPT = datetime.timedelta(days=1)
"""how long the tombstone of a deleted document is kept to reject older versions"""
_DUPLICATE = 11000
_UNFIT = frozenset({2, 15, 22, 10334, 17280, 17419, 17420})
"""error codes of one document (BadValue, Overflow, InvalidBSON, too large), not of the server"""
_UNENCODABLE = (InvalidDocument, OverflowError, DocumentTooLarge)

Write = UpdateOne | InsertOne[Document]


class Folded(msgspec.Struct, frozen=True):
    """A document as of `seq`; None when it was deleted."""

    kind: Kind[Any]
    key: str
    workspace: str
    seq: int
    updated_at: datetime.datetime
    document: Model | Message | None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The writes of one step of the projection: documents, log rows by collection, then the checkpoints."""

    documents: Sequence[Folded]
    rows: dict[str, list[Document]]
    checkpoints: Sequence[Checkpoint]


class Refusal(msgspec.Struct, frozen=True):
    """A document that MongoDB will never accept."""

    folded: Folded
    reason: str


class Writer:
    """Writes one generation of the views. Methods raise StoreUnavailable and may then be repeated.

    Methods that move or read a position raise DatabaseRestored when the database holds less than this writer has seen.
    """

    def __init__(self, database: Database, generation: int) -> None:
        self._database = database
        self.generation = generation
        self._known: dict[str, Checkpoint] = {}

    async def load(self, kind: Kind[Any], keys: Sequence[str]) -> list[Folded]:
        """The existing documents, tombstones included."""
        return await self._load(kind, {"_id": {"$in": list(keys)}})

    async def load_of_mesh(self, kind: Kind[Any], workspace: str, mesh: str) -> list[Folded]:
        """The existing documents of a mesh."""
        return await self._load(kind, {"workspace": workspace, "mesh": mesh})

    async def load_before(self, kind: Kind[Any], seq: int) -> list[Folded]:
        """The documents that no event from that sequence on has changed, without tombstones."""
        return await self._load(kind, {"seq": {"$lt": seq}, "deleted": None})

    async def _load(self, kind: Kind[Any], query: Document) -> list[Folded]:
        with translated(f"load {kind.name}"):
            rows = await self._database.collection(self._name(kind.name)).find(query).to_list(None)
        loaded = []
        for row in rows:
            try:
                document = _document(kind, row)
            except msgspec.ValidationError as error:
                log.error("%s %s cannot be decoded and is rebuilt: %s", kind.name, row["_id"], error)
                continue
            loaded.append(Folded(kind, row["_id"], row["workspace"], row["seq"], row["updated_at"], document))
        return loaded

    async def position(self, stream: str) -> Checkpoint:
        """How far the stream is folded in."""
        known = self._known.get(stream)  # before the read, for it grows meanwhile
        checkpoint = await checkpoints.read(self._database, self.generation, stream)
        if known:
            known.confirm(checkpoint)
        self._remember(checkpoint)
        return checkpoint

    async def write(self, batch: Batch, settled: Sequence[Checkpoint] = ()) -> list[Refusal]:
        """Write documents and rows; returns the documents that MongoDB will never accept.

        `settled` are checkpoints of earlier batches, written together with these. Those of this batch may follow now.
        """
        by_kind: dict[str, list[Folded]] = {}
        for folded in batch.documents:
            by_kind.setdefault(folded.kind.name, []).append(folded)
        outcomes = await asyncio.gather(
            *(self._replace(name, documents) for name, documents in by_kind.items()),
            *(self._append(name, rows) for name, rows in batch.rows.items() if rows),
            self.advance(settled),
            return_exceptions=True,
        )
        refusals: list[Refusal] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            refusals += outcome or []
        return refusals

    async def advance(self, positions: Sequence[Checkpoint]) -> None:
        """Move checkpoints forward."""
        for checkpoint in positions:
            await checkpoints.advance(self._database, self.generation, checkpoint, self._known.get(checkpoint.stream))
            self._remember(checkpoint)

    def _remember(self, checkpoint: Checkpoint) -> None:
        known = self._known.get(checkpoint.stream)
        if known is None or known.seq < checkpoint.seq:
            self._known[checkpoint.stream] = checkpoint

    async def set_aside(self, rows: list[Document]) -> None:
        """Store messages that could not be projected."""
        await self._append(kinds.SET_ASIDE, rows)

    async def _replace(self, name: str, documents: list[Folded]) -> list[Refusal]:
        failed = await self._bulk(name, [_replacement(folded) for folded in documents])
        refusals = []
        for index in failed:
            again = await self._bulk(name, [_replacement(documents[index], storable)])
            if again:
                refusals.append(Refusal(documents[index], again[0][1]))
        return refusals

    async def _append(self, name: str, rows: list[Document]) -> list[Refusal]:
        failed = await self._bulk(name, [InsertOne(row) for row in rows])
        unfit = [text for code, text in failed.values() if code != _DUPLICATE]
        if unfit:
            raise StoreUnavailable(f"could not append to {name}: {unfit[0]}")
        return []

    async def _bulk(self, name: str, bulk: list[Write]) -> dict[int, tuple[int, str]]:
        """Sends one bulk write; returns the errors by index, as code and text.

        Documents that cannot be encoded are sent one by one.
        """
        collection = self._database.collection(self._name(name))
        try:
            with translated(f"write {name}"):
                try:
                    await collection.bulk_write(bulk, ordered=False)
                except BulkWriteError as error:
                    return _failures(error)
                except (*_UNENCODABLE, OperationFailure) as error:
                    if isinstance(error, OperationFailure) and error.code not in _UNFIT:
                        raise
                    if len(bulk) == 1:
                        return {0: (2, str(error))}
                else:
                    return {}
        except RecursionError as error:
            if len(bulk) == 1:
                return {0: (2, str(error))}
        failed = {}
        for index, write in enumerate(bulk):
            failures = await self._bulk(name, [write])
            if failures:
                failed[index] = failures[0]
        return failed

    def _name(self, kind: str) -> str:
        return generations.collection_name(kind, self.generation)


def _document(kind: Kind[Any], row: Document) -> Model | Message | None:
    if row.get("deleted"):
        return None
    document: Model | Message = kind.read(row)
    return document


def _replacement(folded: Folded, mend: Callable[[Document], Document] = lambda row: row) -> UpdateOne:
    if folded.document is None:
        row: Document = {"deleted": True, "expire_at": folded.updated_at + TOMBSTONE_KEPT}
    else:
        row = mend(msgspec.to_builtins(folded.document, builtin_types=(datetime.datetime,)))
    row["_id"] = folded.key
    row["workspace"] = folded.workspace
    row["seq"] = folded.seq
    row["updated_at"] = folded.updated_at
    not_older = {"$gte": [{"$ifNull": ["$seq", 0]}, folded.seq]}
    return UpdateOne(
        {"_id": folded.key},
        [{"$replaceWith": {"$cond": [not_older, "$$ROOT", {"$literal": row}]}}],
        upsert=True,
    )


def _failures(error: BulkWriteError) -> dict[int, tuple[int, str]]:
    """The errors by index; raises StoreUnavailable when they are errors of the server and not of the documents."""
    details: Document = dict(error.details or {})
    if details.get("writeConcernErrors"):
        raise StoreUnavailable(f"not acknowledged: {details['writeConcernErrors'][0].get('errmsg')}") from error
    failures = {}
    for one in details.get("writeErrors", ()):
        code, text = int(one.get("code", 0)), str(one.get("errmsg", ""))
        if code != _DUPLICATE and code not in _UNFIT:
            raise StoreUnavailable(f"MongoDB refused to write: {text} ({code})") from error
        failures[int(one["index"])] = (code, text)
    return failures
