"""Reading views: one document or a page of them, as fresh as the caller requires.

Invariant: a read that MongoDB does not answer in time is a 503, never a guess; an ETag is the sequence of the document,
so an unchanged one costs the reader nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from meshwright.core import store
from meshwright.core.store import paging
from meshwright.schemas import subjects
from meshwright.schemas.base import Model
from meshwright.ui_api.http import answers, preconditions
from meshwright.ui_api.http.problems import not_found
from meshwright.ui_api.http.queries import LARGEST_PAGE, Page, Read, Search
from meshwright.ui_api.http.routing import Call

WAIT_S = 2.0
"""seconds that a read waits for `min_seq` or `min_event`"""


class Listing(msgspec.Struct, frozen=True):
    """The response of a list route, for the OpenAPI document: `items` of this type and `next_page_token`.

    `counted`: `total` too, where it was asked for.
    """

    of: type[msgspec.Struct]
    counted: bool = False


async def settle(call: Call[Any, Read], stream: str) -> None:
    """Wait until the views contain what the caller has already seen or written.

    Raises NotYetVisible, StoreUnavailable.
    """
    if call.query.min_seq:
        await call.api.views.wait(stream, call.query.min_seq, WAIT_S)
    if call.query.min_event:
        await call.api.views.wait(subjects.EVENTS.stream, call.query.min_event, WAIT_S)


async def one(call: Call[Any, Read], kind: store.Kind[Any], key: str, what: str, stream: str = "") -> Response:
    """One document, or 304. Raises Refusal `not-found`."""
    await settle(call, stream or kind.stream)
    document = await call.api.views.get(kind, call.workspace, key)
    if document is None:
        raise not_found(what, key)
    return shown(call, document.document, document.seq)


def shown(call: Call[Any, Any], document: object, etag: int) -> Response:
    """A document with its ETag, or 304 when the caller has it."""
    unchanged = preconditions.not_modified(call.header("If-None-Match"), etag)
    return unchanged or answers.ok(document, etag=etag)


async def page(
    call: Call[Any, Page],
    kind: store.Kind[Any],
    where: dict[str, Any] | None = None,
    order_by: str = "",
    *,
    stream: str = "",
    workspace: str = "",
    also: dict[str, Any] | None = None,
    shown: Callable[[Any], Any] = lambda document: document,
    parent: Callable[[], Awaitable[object]] | None = None,
) -> Response:
    """A page of documents; empty entries of `where` do not filter.

    `order_by` is a field, with ` desc` behind it for the other direction. `also` is a condition of the store, `shown`
    converts a document for the response. `parent` is called where nothing is found, and raises Refusal when that of
    which these are parts does not exist.
    """
    await settle(call, stream or kind.stream)
    search = call.query if isinstance(call.query, Search) else None
    if search is not None and search.q.split():
        also = {"$and": [paging.containing(kind, search.q), *([also] if also else [])]}
    wanted = {name: value for name, value in (where or {}).items() if value not in (None, "", [])}
    field, _, direction = order_by.partition(" ")
    scope = _scope(call, wanted | (also or {}), order_by)
    documents = await call.api.views.page(
        kind,
        workspace or call.workspace,
        where=wanted,
        sort=field,
        descending=direction == "desc",
        limit=min(call.query.page_size, LARGEST_PAGE),
        cursor=call.api.pages.read(call.query.page_token, scope),
        also=also,
    )
    if parent is not None and not documents.items:
        await parent()
    answer: dict[str, Any] = {
        "items": [shown(stored.document) for stored in documents.items],
        "next_page_token": call.api.pages.sign(documents.cursor, scope),
    }
    if search is not None and search.total:
        answer["total"] = await call.api.views.count(kind, workspace or call.workspace, wanted, also=also)
    return answers.ok(answer)


def whole(items: list[Any]) -> Response:
    """A list that always fits in one page."""
    return answers.ok({"items": items, "next_page_token": ""})


def _scope(call: Call[Any, Page], where: dict[str, Any], order_by: str) -> str:
    return repr((call.workspace, call.request.url.path, sorted(where.items()), order_by))


def listed(kind: type[Model], *, counted: bool = False) -> Listing:
    """The response of a list of these, for a route's declaration; `counted` where its query is a `Search`."""
    return Listing(kind, counted)
