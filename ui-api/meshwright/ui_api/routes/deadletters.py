"""Dead letters: commands that could not be executed, to inspect, to replay, to drop."""

from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.core.store import kinds
from meshwright.schemas import subjects
from meshwright.schemas.base import Model, Name
from meshwright.schemas.dead_letters import DeadLetterRecord
from meshwright.schemas.operations import Command, Operation
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import Page, Read, Write
from meshwright.ui_api.http.routing import TOKEN_PATTERN, Call, NoBody, Routes, asking
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import accepting, dead_letters
from meshwright.ui_api.requests.accepting import OperationOptions

routes = Routes("deadletters")
_READ = ("store-unavailable", "not-yet-visible")
_ANY = {"id": TOKEN_PATTERN}
"""not always a ULID: a command that cannot be decoded may have any id"""
_MOST_RAW = 16 * 1024
"""maximum number of bytes shown of a command that cannot be decoded"""


class DeadLetterPage(Page, frozen=True, kw_only=True):
    """Dead letters, filtered and sorted."""

    adapter: Name | None = None
    state: Literal["open", "replayed"] | None = None
    order_by: Annotated[
        Literal["stored_at", "stored_at desc", "id", "id desc"], Meta(description="Field and direction.")
    ] = "stored_at desc"


class DeadLetterDetail(Model, frozen=True, kw_only=True):
    """A dead letter with its command as stored.

    `command` is None when it cannot be decoded; then `unreadable` is the reason, and `raw` is the beginning of its
    bytes as text.
    """

    letter: DeadLetterRecord
    command: Command | None = None
    unreadable: str = ""
    raw: str = ""


@routes.add(
    "GET",
    "/v1/deadletters",
    "listDeadLetters",
    role="viewer",
    query=DeadLetterPage,
    answer=views.listed(DeadLetterRecord),
    problems=_READ,
)
async def index(call: Call[NoBody, DeadLetterPage]) -> Response:
    """List dead letters, newest first, without those that were dropped."""
    query = call.query
    where = {"adapter": query.adapter, "state": query.state}
    return await views.page(call, kinds.DEADLETTERS, where, query.order_by)


@routes.add(
    "POST",
    "/v1/deadletters/{id}:replay",
    "replayDeadLetter",
    places=_ANY,
    role="operator",
    query=Write,
    body=OperationOptions,
    answer=Operation,
    **asking("unreadable-command"),
)
async def replay(call: Call[OperationOptions, Write]) -> Response:
    """Start the operation again, as a new one that is linked to the dead one.

    A dead letter is replayed once: a repetition, with any Idempotency-Key, returns the operation that replaced it. When
    that one fails too, retry that one.
    """
    operation = call.name()
    standing = await dead_letters.newest(call, operation)
    if standing is None:
        raise not_found("dead letter", operation)

    only = dead_letters.replacement(call.workspace, operation, standing)
    if (earlier := await accepting.answered(call, only=only)) is not None:
        return earlier
    stored = await accepting.find(call, operation)
    if stored is None:
        raise Refusal("unreadable-command", "the command is no longer stored")
    return await accepting.accept(call, call.body, accepting.retry_of(accepting.command_of(stored)), only=only)


@routes.add(
    "GET",
    "/v1/deadletters/{id}",
    "getDeadLetter",
    places=_ANY,
    role="viewer",
    query=Read,
    answer=DeadLetterDetail,
    problems=(*_READ, "bus-unavailable"),
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show a dead letter with its command: decoded, or as text when it cannot be decoded."""
    operation = call.name()
    await views.settle(call, kinds.DEADLETTERS.stream)
    document = await call.api.views.get(kinds.DEADLETTERS, call.workspace, operation)
    if document is None:
        raise not_found("dead letter", operation)
    letter = document.document
    stored = await call.api.bus.at(subjects.COMMANDS.stream, letter.command_seq)
    return answers.ok(_detail(letter, stored))


@routes.add(
    "DELETE",
    "/v1/deadletters/{id}",
    "dropDeadLetter",
    places=_ANY,
    role="operator",
    query=Write,
    status=204,
    headers=("Meshwright-Seq",),
    problems=("stale",),
)
async def drop(call: Call[NoBody, Write]) -> Response:
    """Remove a dead letter from the list. It stays in the DEADLETTERS stream, with who dropped it and why."""
    query = call.query
    seq = await dead_letters.drop(call, call.name(), call.reason(query.reason), validate_only=query.validate_only)
    return answers.nothing(seq)


def _detail(letter: DeadLetterRecord, stored: mwbus.Received | None) -> DeadLetterDetail:
    if stored is None:
        return DeadLetterDetail(letter=letter, unreadable="the command is no longer stored")
    try:
        return DeadLetterDetail(letter=letter, command=accepting.command_of(stored))
    except Refusal as refused:
        raw = stored.payload[:_MOST_RAW].decode(errors="replace")
        return DeadLetterDetail(letter=letter, unreadable=refused.detail, raw=raw)
