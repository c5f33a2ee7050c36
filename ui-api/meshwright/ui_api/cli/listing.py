"""Lists: one behaviour for all of them.

Problem: a user who has learned one list knows all. Invariant: every list has `--sort-by`, `--watch` and `--limit`;
where a filter matches nothing, it is said what there is; what is sorted or selected here, and not by the API, is so
within the limit.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from meshwright.ui_api.cli import choices, suggestions
from meshwright.ui_api.cli.client import naming, paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import CommandFailed, Exit, RequestRefused
from meshwright.ui_api.cli.render import formats

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]
SortOption = Annotated[
    str, typer.Option("--sort-by", metavar="FIELD", help="As in name or certificate.not_after; -FIELD is descending.")
]
WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Show changes as they happen, until Ctrl-C.")]
_OWNERS = {
    "mesh": paths.MESHES,
    "design": paths.DESIGNS,
    "connection": paths.CONNECTIONS,
    "adapter": paths.ADAPTERS,
}
"""filters by the name of another resource, which may not exist"""
_KNOWN = 500
"""how many documents are counted to say what there is"""


class Listing(msgspec.Struct, kw_only=True):
    """What a list shows: a collection with filters, and how it is drawn."""

    path: str
    params: dict[str, Any] = {}
    render: Callable[[list[Document]], "RenderableType"]
    select: Callable[[Document], bool] | None = None
    """a filter that the API does not have"""
    explained: bool = False
    """whether it was said why there is nothing"""
    paged: bool = True
    """whether the API gives it page by page, and waits for a position"""


def lists(
    group: typer.Typer, name: str = "list", *, events: tuple[str, ...] = (), limit: int = 500
) -> Callable[[Callable[..., Listing]], Callable[..., Listing]]:
    """Register a function that gives a Listing as a command; `events` are the entities whose events change it."""

    def register(function: Callable[..., Listing]) -> Callable[..., Listing]:
        def run(session: Session, *, sort_by: str, watch: bool, limit: int, **given: Any) -> None:
            listing = function(session, **given)
            if watch:
                _watch(session, listing, sort_by, limit, events)
            else:
                items = read(session, listing, sort_by, limit)
                if items or not session.output.human or not listing.explained:
                    session.output.show(items, listing.render(items) if session.output.human else "")

        own = list(inspect.signature(function, eval_str=True).parameters.values())
        kind = inspect.Parameter.KEYWORD_ONLY
        added = [
            inspect.Parameter("sort_by", kind, default="", annotation=SortOption),
            inspect.Parameter("watch", kind, default=False, annotation=WatchOption),
            inspect.Parameter("limit", kind, default=limit, annotation=choices.LimitOption),
        ]
        run.__doc__, run.__name__ = function.__doc__, function.__name__
        first, *rest = own
        parameters = [first, *(each.replace(kind=kind) for each in rest), *added]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command(group, name)(run)
        return function

    return register


def read(session: Session, listing: Listing, sort_by: str, limit: int, *, seen: int = 0) -> list[Document]:
    """The documents of a list, sorted. Raises CommandFailed for a field that none of them has."""
    params = {**listing.params, "min_event": seen} if seen and listing.paged else listing.params
    try:
        items = _items(session, listing, params, limit)
    except RequestRefused as refused:
        if refused.slug != "not-yet-visible":
            raise
        items = _items(session, listing, listing.params, limit)
    chosen = [each for each in items if listing.select is None or listing.select(each)]
    if not chosen:
        _say_what_there_is(session, listing, items)
    return ordered(chosen, sort_by)


def _items(session: Session, listing: Listing, params: dict[str, Any], limit: int) -> list[Document]:
    if listing.paged:
        return choices.list_all(session, listing.path, params, limit)
    return list(session.api.whole(listing.path))[:limit]


def ordered(items: list[Document], field: str) -> list[Document]:
    """The documents by a field; those without it are last. Raises CommandFailed when none has it."""
    name = field.removeprefix("-").lstrip(".")
    if not name or not items:
        return items
    values = {index: naming.field(each, name) for index, each in enumerate(items)}
    having = [index for index, value in values.items() if value is not None]
    if not having and not any(_has(each, name) for each in items):
        known = sorted({key for each in items for key in each})
        raise CommandFailed(
            f"there is no field {name} to sort by", code=Exit.USAGE, remedy=suggestions.did_you_mean(name, known)
        )
    having.sort(key=lambda index: _comparable(values[index]), reverse=field.startswith("-"))
    return [items[index] for index in [*having, *(index for index in values if index not in set(having))]]


def _comparable(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool | int | float):
        return 0, value
    return 1, value if isinstance(value, str) else formats.compact(value)


def _has(document: Document, name: str) -> bool:
    return name.partition(".")[0] in document


def _say_what_there_is(session: Session, listing: Listing, unselected: list[Document]) -> None:
    """For each filter that was given, the values that there are."""
    filters = {name: value for name, value in listing.params.items() if value not in (None, "", [])}
    if not filters and not unselected:
        return
    items, _ = session.api.list(listing.path, limit=_KNOWN) if filters else (unselected, False)
    what = listing.path.rpartition("/")[2]
    if not items:
        _say_what_is_not_there(session, listing, filters)
        return
    given = ", ".join(f"{name} {_text(value)}" for name, value in filters.items()) or "the selector"
    there = [f"{name} {text}" for name in filters or ("labels",) if (text := _values(items, name))]
    is_more = "; ".join(there) or f"{len(items)} {what} without this filter"
    session.output.say(f"nothing matches {given}. There are: {is_more}")
    listing.explained = True


def _say_what_is_not_there(session: Session, listing: Listing, filters: dict[str, Any]) -> None:
    """Of an empty collection: the meshes, designs … that filters name, and that do not exist."""
    for name in filters.keys() & _OWNERS.keys():
        owners, _ = session.api.list(_OWNERS[name], limit=_KNOWN)
        known = [str(each["id"]) for each in owners]
        if filters[name] not in known:
            there = suggestions.did_you_mean(str(filters[name]), known) or f"There are no {_OWNERS[name][4:]}."
            session.output.say(f"there is no {name} {_text(filters[name])}. {there}")
            listing.explained = True


def _values(items: list[Document], name: str) -> str:
    counted = Counter(text for each in items for text in _texts(naming.field(each, name)))
    most = [f"{text} ({number})" for text, number in counted.most_common(8)]
    return ", ".join([*most, *(["…"] if len(counted) > len(most) else [])])


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        return [str(value["id"])] if "id" in value else [f"{key}={one}" for key, one in value.items()]
    return [] if value in (None, "") else [_text(value)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else formats.compact(value)


def _watch(session: Session, listing: Listing, sort_by: str, limit: int, events: tuple[str, ...]) -> None:
    from meshwright.ui_api.cli.client import watching
    from meshwright.ui_api.cli.render import tables

    session.output.say("watching; press Ctrl-C to stop")
    with tables.changing(session.output, listing.render) as show:
        for seen in watching.changes(session, events):
            show(read(session, listing, sort_by, limit, seen=seen))
