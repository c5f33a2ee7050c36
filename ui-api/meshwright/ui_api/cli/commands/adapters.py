"""`meshwright adapters` and `meshwright adapter new`: listing adapters, and creating a new one."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from meshwright.ui_api.cli import suggestions
from meshwright.ui_api.cli.choices import ReasonOption, YesOption
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import views

_MOST = 100
"""adapters that are asked for"""

group = typer.Typer(help="Adapters: which are running and what they support.", no_args_is_help=True)
intents_group = typer.Typer(help="Intents: what can be wished for, and on which meshes.", no_args_is_help=True)
author_group = typer.Typer(help="Write an adapter.", no_args_is_help=True)


@lists(group, events=("adapter",))
def index(session: Session) -> Listing:
    """List adapters with their live workers."""
    return Listing(path=paths.ADAPTERS, render=views.adapters)


@command(group, "show")
def show(session: Session, adapter: Annotated[str, typer.Argument(metavar="ADAPTER")]) -> None:
    """Show an adapter's operations and its intent matrix."""
    document = session.api.get(paths.one(paths.ADAPTERS, adapter))
    session.output.show(document, views.adapter(document))


@command(group, "forget")
def forget(
    session: Session,
    adapter: Annotated[str, typer.Argument(metavar="ADAPTER")],
    orphan: Annotated[
        bool, typer.Option("--orphan", help="Even if meshes of it remain, which then have no adapter.")
    ] = False,
    yes: YesOption = False,
    reason: ReasonOption = "",
) -> None:
    """Forget an adapter without workers (for admins); it is listed again when a worker of it starts."""
    session.confirm(f"Forget adapter {adapter}?", yes=yes)
    params = {"reason": reason, "orphan": "true" if orphan else None}
    session.api.request("DELETE", paths.one(paths.ADAPTERS, adapter), params=params)
    session.output.say(f"adapter {adapter} forgotten")


@command(intents_group, "matrix")
def matrix(
    session: Session,
    adapter: Annotated[list[str] | None, typer.Option("--adapter", "-a", help="These only (repeatable).")] = None,
) -> None:
    """Show every intent on every kind of mesh: proven by traffic, accepted by its API, or why it is not possible."""
    import msgspec

    from meshwright.schemas.adapters import Adapter
    from meshwright.ui_api.cli.render.documents import intents as intent_matrix

    documents, _ = session.api.list(paths.ADAPTERS, limit=_MOST)
    known = [each for each in msgspec.convert(documents, list[Adapter]) if each.intents]
    if unknown := set(adapter or []) - {each.id for each in known}:
        first = sorted(unknown)[0]
        raise CommandFailed(
            f"there is no adapter {first!r} that announces intents",
            code=Exit.REFUSED,
            remedy=suggestions.did_you_mean(first, [each.id for each in known]),
        )
    shown = [each for each in known if not adapter or each.id in adapter]
    rows = [{"adapter": each.id, "intents": msgspec.to_builtins(each.intents)} for each in shown]
    session.output.show(rows, intent_matrix.matrix(shown) if shown else views.adapters([]))


@command(author_group, "new")
def new(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and -.")],
    directory: Annotated[
        Path | None, typer.Option("--directory", "-d", help="The folder; default ./meshwright-adapter-NAME.")
    ] = None,
) -> None:
    """Create the skeleton of an adapter: package, entry point, operations, an intent, a conformance test."""
    from meshwright.ui_api.cli import skeleton
    from meshwright.ui_api.cli.skeleton import installing

    folder = directory or Path(f"meshwright-adapter-{name}")
    written = skeleton.write(name, folder)
    session.output.say(f"wrote {len(written)} files to {folder}; next:")
    session.output.say("  python -m venv .venv && . .venv/bin/activate")
    session.output.say(f"  {installing.command(folder)}")
    session.output.say(f"  pytest {shlex.quote(str(folder))}")
    session.output.say(f"  meshwright-adapter {name}")
    if session.output.human:
        session.output.text("\n".join(str(path) for path in written))
    else:
        session.output.data([str(path) for path in written])
