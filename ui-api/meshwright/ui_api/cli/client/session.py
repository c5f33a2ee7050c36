"""The context of one run of a command: its output and, lazily, the API.

Problem: every command accepts the same options (format, context, workspace) anywhere on the line. Invariant: the
options are declared once, here; a command is a plain function of a Session and its own arguments. The HTTP client is
imported only when a command first calls the server.
"""

import copy
import functools
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from meshwright.core.telemetry import sanitizing
from meshwright.ui_api.cli.client import contexts, naming, paths
from meshwright.ui_api.cli.exits import CommandFailed, Exit, NotMeshwright, RequestRefused, Unreachable
from meshwright.ui_api.cli.render import failures, formats
from meshwright.ui_api.cli.render.formats import Chosen, Format
from meshwright.ui_api.cli.render.output import Output

if TYPE_CHECKING:
    from meshwright.ui_api.cli.client.api import Api

_OLD = 10.0
"""seconds by which views may be behind without a message"""
_PANEL = "Common options"
FormatOption = Annotated[
    Chosen | None,
    typer.Option(
        "--output",
        "-o",
        parser=formats.chosen,
        metavar="FORMAT",
        help=formats.HELP,
        rich_help_panel=_PANEL,
        show_default="table",
        autocompletion=formats.complete,
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No messages on stderr.", rich_help_panel=_PANEL)]
ContextOption = Annotated[
    str, typer.Option("--context", help="The context (server) to use.", rich_help_panel=_PANEL, show_default=False)
]
WorkspaceOption = Annotated[
    str, typer.Option("--workspace", help="The workspace to use.", rich_help_panel=_PANEL, show_default=False)
]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The common options before the command's name."""

    output: Chosen | None = None
    quiet: bool = False
    context: str = ""
    workspace: str = ""


class Session:
    """One run of one command."""

    def __init__(self, options: Options) -> None:
        self.options = options
        chosen = options.output or Chosen(Format.TABLE)
        self.output = Output(chosen.format, expression=chosen.expression, quiet=options.quiet)
        self._api: Api | None = None

    @functools.cached_property
    def target(self) -> contexts.Target:
        """The server that the command uses. Raises CommandFailed."""
        return contexts.resolve(os.environ, Path.cwd(), context=self.options.context, workspace=self.options.workspace)

    @property
    def api(self) -> "Api":
        """The API, opened at the first use. Raises CommandFailed when the context is not usable."""
        if self._api is None:
            self._api = self._open()
        return self._api

    @property
    def completing_api(self) -> "Api":
        """The API for completion in a shell: with a time-out of one second, and no retry."""
        if self._api is not None:
            self._api.close()
        self._api = self._open(timeout=1.0, pauses=())
        return self._api

    def _open(self, **patience: Any) -> "Api":
        from meshwright.ui_api.cli.client.api import Api

        contexts.refuse_stranger(self.target, os.environ, Path.cwd())
        return Api(self.target, **patience)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask for confirmation; without a terminal `--yes` is required. Raises CommandFailed."""
        if yes:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise CommandFailed(f"{question} Aborted; nothing was changed.", code=Exit.USAGE, remedy="Add --yes.")
        try:
            sure = typer.confirm(sanitizing.line(question), err=True)
        except typer.Abort:  # Ctrl-C, or end of input
            raise CommandFailed("Aborted; nothing was changed.", code=Exit.INTERRUPTED) from None
        if not sure:
            raise CommandFailed("Aborted; nothing was changed.", code=Exit.FAILURE)

    def remedy(self, failure: CommandFailed) -> str:
        """What to do about a failure, in the terms of this context."""
        better = ""
        if isinstance(failure, RequestRefused):
            better = naming.meant(failure, lambda: self.completing_api)
        if not better and isinstance(failure, RequestRefused | Unreachable | NotMeshwright):
            better = naming.stranger(failure, self.target)
        return better or failure.remedy

    def close(self) -> None:
        """Close the connections."""
        if self._api is not None:
            if self._api.age > _OLD:
                self.output.say(f"(this may be {self._api.age:.0f} s old: the projector is behind or not running)")
            self._api.close()


def command(group: typer.Typer, name: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function of a Session as a command with the common options added."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        group.command(name, **settings)(_with_options(function))
        return function

    return register


def _write_nowhere() -> None:
    """Let what is still written to a closed pipe vanish, so that the end of the process does not stumble over it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def _completed(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter, with completion by names where it is called after what it names and has none of its own."""
    collection = paths.NAMED.get(parameter.name)
    declared = next((each for each in getattr(parameter.annotation, "__metadata__", ()) if hasattr(each, "help")), None)
    if collection is None or declared is None or declared.autocompletion is not None:
        return parameter

    def complete(incomplete: str) -> list[str]:
        return completions(collection, incomplete)

    with_names = copy.copy(declared)
    with_names.autocompletion = complete
    kind = parameter.annotation.__origin__
    return parameter.replace(annotation=Annotated[kind, with_names])


def completions(collection: str, incomplete: str) -> list[str]:
    """Completions for a name; none when the server does not answer at once."""
    session = Session(Options(quiet=True))
    try:
        entities, _ = session.completing_api.list(collection, limit=200)
        known = dict.fromkeys(map(naming.full_name, entities))  # the same name may exist in several meshes
        return [name for name in known if name.startswith(incomplete) and name == sanitizing.line(name)]
    except CommandFailed:
        return []
    finally:
        session.close()


def _with_options(function: Callable[..., None]) -> Callable[..., None]:
    own = [_completed(each) for each in list(inspect.signature(function, eval_str=True).parameters.values())[1:]]
    own_names = {parameter.name for parameter in own}
    kind = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("output", kind, default=None, annotation=FormatOption),
        inspect.Parameter("quiet", kind, default=False, annotation=QuietOption),
        inspect.Parameter("context", kind, default="", annotation=ContextOption),
        inspect.Parameter("workspace", kind, default="", annotation=WorkspaceOption),
    ]
    first = inspect.Parameter("typer_context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    # the order of declaration is the order of arguments on the command line
    # a command may declare an `output` or a `context` of its own; the common one is then given before its name
    added = [parameter for parameter in common if parameter.name not in own_names]
    parameters = [first, *(parameter.replace(kind=kind) for parameter in own), *added]

    def run(typer_context: typer.Context, **given: Any) -> None:
        before = typer_context.obj if isinstance(typer_context.obj, Options) else Options()
        session = Session(
            Options(
                **{
                    each: getattr(before, each) if each in own_names else given.pop(each) or getattr(before, each)
                    for each in Options.__struct_fields__
                }
            )
        )
        try:
            function(session, **given)
        except CommandFailed as failure:
            failure.remedy = session.remedy(failure)
            failures.show(session.output, failure)
            raise typer.Exit(failure.code) from None
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None
        except BrokenPipeError:
            _write_nowhere()
            raise typer.Exit(Exit.CLOSED) from None
        finally:
            session.close()

    functools.update_wrapper(run, function)
    del run.__wrapped__  # type: ignore[attr-defined]  # typer would read the inner signature
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
