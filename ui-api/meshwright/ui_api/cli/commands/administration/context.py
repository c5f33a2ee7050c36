"""`meshwright context`: the server that the command line uses."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from meshwright.ui_api.cli.choices import YesOption
from meshwright.ui_api.cli.client import contexts
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.render import views

group = typer.Typer(help="Contexts: which server to use, with which token.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME")]


@command(group, "list")
def index(session: Session) -> None:
    """List contexts; the star marks the current one."""
    known = contexts.read(contexts.config_path(os.environ))
    current = session.options.context or os.environ.get("MESHWRIGHT_CONTEXT") or known.current or contexts.LOCAL
    rows = contexts.as_rows(known, contexts.local_context(os.environ, Path.cwd()), current)
    session.output.show(rows, views.contexts(rows))


@command(group, "show")
def show(session: Session) -> None:
    """Show the server that commands use now, and why."""
    target = session.target
    parts = {
        "context": target.name,
        "api_url": target.api_url,
        "workspace": target.workspace,
        "token": "given" if target.token else "none",
        "from": target.source,
    }
    session.output.show(parts, views.document(parts))


@command(group, "add")
def add(
    session: Session,
    name: Name,
    api_url: Annotated[str, typer.Option("--api-url", help="As in https://meshwright.example.com.")],
    token_file: Annotated[Path | None, typer.Option("--token-file", help="Read at each use.")] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from stdin and store it.")] = False,
    default_workspace: Annotated[str, typer.Option("--default-workspace", help="The workspace of commands.")] = "",
    use: Annotated[bool, typer.Option("--use/--no-use", help="Make it the current one.")] = True,
) -> None:
    """Add a context, or replace it. Tokens are never given on the command line."""
    if not api_url.startswith(("http://", "https://")):
        raise CommandFailed(f"{api_url!r} is not an http or https address", code=Exit.USAGE)
    path = contexts.config_path(os.environ)
    known = contexts.read(path)
    entry = contexts.Context(
        api_url=api_url,
        token=typer.get_text_stream("stdin").read().strip() if token_stdin else "",
        token_file=str(token_file.expanduser().absolute()) if token_file else "",
        workspace=default_workspace,
    )
    contexts.write(
        path,
        msgspec.structs.replace(
            known, contexts={**known.contexts, name: entry}, current=name if use else known.current
        ),
    )
    session.output.say(f"context {name} saved in {path}" + (" and in use" if use else ""))


@command(group, "use")
def use(session: Session, name: Name) -> None:
    """Make a context the current one; `local` is the stack of the working directory."""
    path = contexts.config_path(os.environ)
    known = contexts.read(path)
    if name != contexts.LOCAL and name not in known.contexts:
        raise CommandFailed(
            f"there is no context {name!r}", code=Exit.USAGE, remedy="`meshwright context list` shows them."
        )
    contexts.write(path, msgspec.structs.replace(known, current=name))
    session.output.say(f"context {name} in use")


@command(group, "remove")
def remove(session: Session, name: Name, yes: YesOption = False) -> None:
    """Remove a context."""
    path = contexts.config_path(os.environ)
    known = contexts.read(path)
    if name not in known.contexts:
        raise CommandFailed(f"there is no context {name!r} in {path}", code=Exit.USAGE)
    session.confirm(f"Remove context {name}?", yes=yes)
    left = {key: entry for key, entry in known.contexts.items() if key != name}
    current = "" if known.current == name else known.current
    contexts.write(path, contexts.Contexts(current=current, contexts=left))
    session.output.say(f"context {name} removed")
