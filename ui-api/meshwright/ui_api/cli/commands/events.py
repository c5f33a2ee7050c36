"""`meshwright events`: the live stream, resumable, and the searchable log."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices, suggestions
from meshwright.ui_api.cli.client import following, paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import Exit
from meshwright.ui_api.cli.render import history, views

_DOMAIN = "dev.meshwright."
group = typer.Typer(help="Events: follow them live, or search the log.", no_args_is_help=True)
Types = Annotated[
    list[str] | None, typer.Option("--type", "-t", help="As in operation.failed, or a prefix; may be repeated.")
]
Entities = Annotated[list[str] | None, typer.Option("--entity", "-e", help="As in operation, mesh, proxy.")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="The id of the entity.")]


@command(group, "tail")
def tail(
    session: Session,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="EVENT|TIME",
            help="Behind this event's number, or from that long ago (10m); default now.",
        ),
    ] = "",
    type: Types = None,
    entity: Entities = None,
    id: Ids = None,
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="Stop after this many; 0 means never.")] = 0,
) -> None:
    """Follow events until Ctrl-C, which prints how to resume. With -o json one line each."""
    params = {"type": _wire_names(type), "entity": entity, "id": id}
    follow(session, params, since if since.isdigit() or not since else _newest_before(session, since), count)


@command(group, "search")
def search(
    session: Session,
    text: Annotated[str, typer.Argument(help="Text in the payload.")] = "",
    type: Types = None,
    entity: Entities = None,
    id: Ids = None,
    trace: Annotated[str, typer.Option("--trace", help="Only of this trace id.")] = "",
    after: Annotated[
        str,
        typer.Option("--after", "--since", metavar="TIME", help="Not before this: 10m ago, or 2026-11-23T21:00:00Z."),
    ] = "",
    before: Annotated[str, typer.Option("--before", metavar="TIME", help="Before this time.")] = "",
    limit: choices.LimitOption = 50,
) -> None:
    """Search the event log; the newest is last."""
    params = {"type": _versions(_wire_names(type)), "entity": entity, "id": id, "text": text}
    params |= {"trace_id": trace}
    span = (("since", "--after", after), ("until", "--before", before))
    params |= {name: choices.moment(text, option) for name, option, text in span if text}
    items = choices.list_all(session, paths.EVENTS, params, limit)
    items.reverse()
    if not session.output.human:
        session.output.data(items)
        return
    for one in items:
        session.output.out.print(history.event(one))
    if not items:
        session.output.say(f"No event matches. {_unknown(type, entity)}".rstrip())


@command(group, "show")
def show(session: Session, event: Annotated[int, typer.Argument(metavar="EVENT", min=1, help="Its number.")]) -> None:
    """Show an event as it is stored."""
    document = session.api.get(paths.one(paths.EVENTS, str(event)))
    session.output.show(document, views.document(document))


def follow(session: Session, params: dict[str, Any], since: str, count: int = 0) -> None:
    """Print events as they arrive until Ctrl-C or the given number of them."""
    last, seen = since, 0

    def left_out(reset: dict[str, Any]) -> None:
        session.output.warn(f"events were skipped ({reset['reason']}); continuing after {reset['id']}")

    session.output.say("following events; press Ctrl-C to stop")
    try:
        for event in following.events(session, params, since, left_out):
            if session.output.human:
                session.output.out.print(history.event(event))
            else:
                session.output.line(event)
            last, seen = str(event["id"]), seen + 1
            if count and seen >= count:
                break
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    finally:
        if last:
            session.output.say(f"the last event was {last}; resume with: meshwright events tail --since {last}")


def _newest_before(session: Session, since: str) -> str:
    """The id of the last event before that time, behind which the stream begins."""
    items, _ = session.api.list(paths.EVENTS, {"until": choices.moment(since)}, limit=1)
    return str(items[0]["id"]) if items else "0"


def _unknown(types: list[str] | None, entities: list[str] | None) -> str:
    """Which of these types and entities no event has, and what was perhaps meant."""
    from meshwright.schemas.catalog import MESSAGE_TYPES

    known = dict.fromkeys(each.wire.name.removeprefix(_DOMAIN).rpartition(".")[0] for each in MESSAGE_TYPES)
    prefixes = dict.fromkeys(name.partition(".")[0] for name in known)
    told = []
    for what, given, words in (
        ("type", [each.removeprefix(_DOMAIN) for each in types or []], [*prefixes, *known]),
        ("entity", entities or [], prefixes),
    ):
        for each in given:
            if not any(f"{name}.v1.".startswith(f"{each}.") for name in words):
                told.append(f"No event has the {what} {each}. {suggestions.did_you_mean(each, words)}")
    return " ".join(told)


def _wire_names(types: list[str] | None) -> list[str] | None:
    """The wire names for short ones: `operation.failed` is dev.meshwright.operation.failed."""
    return [one if one.startswith(_DOMAIN) else _DOMAIN + one for one in types] if types else None


def _versions(types: list[str] | None) -> list[str] | None:
    """The log compares whole names, the stream also prefixes: in the log the first version is meant as well."""
    return [name for one in types or [] for name in (one, f"{one}.v1")] or None
