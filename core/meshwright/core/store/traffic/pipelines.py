"""The queries that add up measured windows inside the database.

Problem: hours of windows are far more than what is asked of them. Invariant: what leaves the database is one row per
key, and one per key and bucket of a histogram; a window's `total` is used where all its edges are asked for, and its
edges where it has none, as windows of older versions.
"""

import asyncio
import datetime
import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from meshwright.core.measurements.merging import NAMES
from meshwright.core.measurements.totals import Totals, buckets
from meshwright.core.store.connecting import Collection, Document

Stage: TypeAlias = Document
Key: TypeAlias = int | tuple[str, ...]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which window it is and when; without its edges. `time` is when the stream stored it.

    A row of a roll-up is one, too: with the position of the newest window in it, and its `key`.
    """

    seq: int
    start: datetime.datetime
    seconds: float
    time: datetime.datetime | None = None
    key: str = ""

    @property
    def id(self) -> int | str:
        """The `_id` of its row."""
        return self.key or self.seq


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Some workloads or one service: their names in a namespace, None in any. With `host` also one outside the mesh."""

    namespace: str | None = None
    names: tuple[str, ...] = ()
    version: str | None = None
    host: str = ""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The edges that count: from one of `sources`, and to what `destination` says; None is every edge."""

    sources: tuple[Endpoint, ...] | None = None
    destination: Endpoint | None = None

    @property
    def is_everything(self) -> bool:
        """Whether no edge is left out."""
        return self.sources is None and self.destination is None

    def conditions(self) -> list[Document]:
        """The conditions that an unwound edge fulfils."""
        result = []
        if self.sources is not None:
            result.append({"$or": [_endpoint(each, "source") for each in self.sources] or [{"edges": None}]})
        if self.destination is not None:
            result.append(_endpoint(self.destination, "destination"))
        return result


EVERYTHING = Selection()
By: TypeAlias = Literal["edge", "window", "step"]


def stored_totals(total: Totals) -> Document:
    """A sum as it stands in the row of its window."""
    row: Document = {
        name: getattr(total, name) for name in Totals.__struct_fields__ if name not in ("alone", "latencies")
    }
    return row | {"mutual_tls": total.mutual_tls, "latencies": msgspec.to_builtins(buckets(total.latencies))}


def read_totals(row: Document) -> Totals:
    """A sum from the row in which `stored_totals` has put it."""
    known = {name: row[name] for name in Totals.__struct_fields__ if name in row and name != "latencies"}
    latencies = {
        (bucket["lower_ms"], math.inf if bucket["upper_ms"] is None else bucket["upper_ms"]): bucket["count"]
        for bucket in row["latencies"]
    }
    return Totals(**known, latencies=latencies)


async def added(
    collection: Collection,
    ids: Sequence[int | str],
    *,
    by: By,
    since: datetime.datetime,
    step: float = 1.0,
    selection: Selection = EVERYTHING,
) -> dict[Key, Totals]:
    """The sums of these rows: by edge (its names), by window (its sequence), or by step from `since`."""
    key = key_of(by, since, step)
    asked = [
        collection.aggregate([{"$match": {"_id": {"$in": list(ids)}}}, *stages]).to_list(None)
        for stages in (sums(selection, by, key), histograms(selection, by, key))
    ]
    summed, counted = await asyncio.gather(*asked)
    return collected(summed, counted)


def sums(selection: Selection, by: By, key: Any) -> list[Stage]:
    """One row per key with what was counted."""
    known = {"$ne": [{"$ifNull": ["$edges.mutual_tls", None]}, None]}
    by_requests = {
        "$cond": [{"$gt": ["$edges.requests", 0]}, "$edges.requests", {"$ifNull": ["$edges.connections", 0]}]
    }
    weight = {"$ifNull": ["$edges.weight", {"$cond": [known, by_requests, 0]}]}
    secured = {"$ifNull": ["$edges.secured", {"$multiply": [{"$ifNull": ["$edges.mutual_tls", 0]}, weight]}]}
    group: Document = {
        "_id": key,
        "requests": {"$sum": "$edges.requests"},
        "errors": {"$sum": "$edges.errors"},
        "weight": {"$sum": weight},
        "secured": {"$sum": secured},
        "share": {"$max": "$edges.mutual_tls"},
        "protocol": {"$max": "$edges.protocol"},
    }
    for name in ("connections", "sent_bytes", "received_bytes"):
        group[name] = {"$sum": f"$edges.{name}"}
        group[f"{name}_known"] = {"$max": f"$edges.{name}"}
    return [*_edges(selection, by, with_histograms=False), {"$group": group}]


def histograms(selection: Selection, by: By, key: Any) -> list[Stage]:
    """One row per key and bucket with its samples."""
    bucket = {"key": key, "lower": "$edges.latencies.lower_ms", "upper": "$edges.latencies.upper_ms"}
    return [
        *_edges(selection, by, with_histograms=True),
        {"$unwind": "$edges.latencies"},
        {"$group": {"_id": bucket, "count": {"$sum": "$edges.latencies.count"}}},
    ]


def key_of(by: By, since: datetime.datetime, step: float) -> Any:
    """The expression by which rows are grouped; steps count from `since`."""
    if by == "edge":
        return [f"$edges.{name}" for name in NAMES]
    if by == "window":
        return "$_id"
    return {"$floor": {"$divide": [{"$subtract": ["$start", since]}, round(step * 1000)]}}


def collected(sums: list[Document], histograms: list[Document]) -> dict[Key, Totals]:
    """The sums by key."""
    result: dict[Key, Totals] = {}
    for row in sums:
        result[_key(row["_id"])] = Totals(
            requests=int(row["requests"]),
            errors=int(row["errors"]),
            secured=float(row["secured"]),
            weight=float(row["weight"]),
            share=row["share"],
            protocol=row["protocol"] or "",
            connections=_known(row, "connections"),
            sent_bytes=_known(row, "sent_bytes"),
            received_bytes=_known(row, "received_bytes"),
        )
    for row in histograms:
        place = row["_id"]
        upper = place.get("upper")
        bounds = (float(place["lower"]), math.inf if upper is None else float(upper))
        total = result.setdefault(_key(place["key"]), Totals())
        total.latencies[bounds] = total.latencies.get(bounds, 0.0) + row["count"]
    return result


def _known(row: Document, name: str) -> int | None:
    return None if row[f"{name}_known"] is None else int(row[name])


def _key(value: Any) -> Key:
    return tuple(value) if isinstance(value, list) else int(value)


def _edges(selection: Selection, by: By, *, with_histograms: bool) -> list[Stage]:
    """One row per edge that counts, with `edges` as that one."""
    edges: Any = "$edges"
    if selection.is_everything and by != "edge":
        edges = {"$cond": [{"$ifNull": ["$total", False]}, ["$total"], "$edges"]}
    stages: list[Stage] = [{"$project": {"start": 1, "edges": edges}}, {"$unwind": "$edges"}]
    if not with_histograms:
        stages.append({"$unset": "edges.latencies"})
    if conditions := selection.conditions():
        stages.append({"$match": {"$and": conditions}})
    return stages


def _endpoint(endpoint: Endpoint, end: Literal["source", "destination"]) -> Document:
    """The condition that an edge's end is that."""
    condition: Document = {}
    if endpoint.namespace is not None:
        condition[f"edges.{end}_namespace"] = endpoint.namespace
    if endpoint.names:
        condition[f"edges.{end}"] = {"$in": list(endpoint.names)}
    if endpoint.version is not None:
        condition["edges.destination_version"] = endpoint.version
    return {"$or": [condition, {"edges.destination_host": endpoint.host}]} if endpoint.host else condition
