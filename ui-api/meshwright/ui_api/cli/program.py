"""The program: every command under its noun, and the handling of its exit.

Invariant: a defect shows its traceback and exits 1; all other failures were reported by the command. This module
imports nothing that only a command needs, so `--help` responds at once.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer
import typer.core
import typer.exceptions

from meshwright.core.telemetry import sanitizing
from meshwright.ui_api.cli.client.session import (
    ContextOption,
    FormatOption,
    Options,
    QuietOption,
    WorkspaceOption,
    command,
)
from meshwright.ui_api.cli.commands import (
    adapters,
    connections,
    deadletters,
    describing,
    events,
    logs,
    meshes,
    operations,
    overview,
    resources,
    topology,
    waiting,
    webhooks,
    workloads,
)
from meshwright.ui_api.cli.commands.administration import access, context, dashboard, system
from meshwright.ui_api.cli.commands.documents import analyze, changes, designs, drift, editing, explain, migrating

_EPILOG = (
    "Exit codes: 0 ok, 1 failure, 2 usage, 3 refused, 4 difference, 5 operation failed, 6 unavailable, 7 still running,"
    " 8 findings."
)
_LOOK, _CHANGE, _SELF = "Look", "Change", "Meshwright itself"


def run() -> None:
    """Run the command line and end the process."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show ✓ gets a ? instead of a traceback
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    build()()


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="meshwright",
        cls=_Group,
        help="Meshwright: install, configure, secure and observe service meshes through one API.",
        no_args_is_help=True,
        epilog=_EPILOG,
        pretty_exceptions_enable=False,  # it would print local variables, including tokens
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_before)
    for name, group in (
        ("meshes", meshes.group),
        ("workloads", workloads.group),
        ("proxies", workloads.proxies_group),
        ("connections", connections.group),
        ("resources", resources.group),
        ("designs", designs.group),
        ("releases", designs.releases_group),
        ("drift", drift.group),
        ("operations", operations.group),
        ("deadletters", deadletters.group),
        ("events", events.group),
        ("webhooks", webhooks.group),
        ("adapters", adapters.group),
        ("intents", adapters.intents_group),
    ):
        app.add_typer(group, name=name, rich_help_panel=_LOOK)
    command(app, "overview", rich_help_panel=_LOOK)(overview.overview)
    command(app, "metrics", rich_help_panel=_LOOK)(overview.metrics)
    command(app, "topology", rich_help_panel=_LOOK)(topology.topology)
    command(app, "analyze", rich_help_panel=_LOOK)(analyze.analyze)
    command(app, "explain", rich_help_panel=_LOOK)(explain.explain)
    command(app, "describe", rich_help_panel=_LOOK)(describing.describe)
    command(app, "logs", rich_help_panel=_LOOK)(logs.logs)
    command(app, "wait", rich_help_panel=_LOOK)(waiting.wait)
    command(app, "edit", rich_help_panel=_CHANGE)(editing.edit)
    for verb in (changes.apply, changes.validate, changes.diff, changes.translate, changes.rollback, changes.remove):
        command(app, verb.__name__, rich_help_panel=_CHANGE)(verb)
    app.add_typer(migrating.group, name="migrate", rich_help_panel=_CHANGE)
    for name, group in (
        ("context", context.group),
        ("tokens", access.tokens_group),
        ("workspaces", access.workspaces_group),
        ("projection", system.projection_group),
        ("adapter", adapters.author_group),
    ):
        app.add_typer(group, name=name, rich_help_panel=_SELF)
    command(app, "dashboard", rich_help_panel=_LOOK)(dashboard.dashboard)
    command(app, "system", rich_help_panel=_SELF)(system.system)
    command(app, "check", rich_help_panel=_SELF)(system.check)
    command(app, "version", rich_help_panel=_SELF)(system.version)
    command(app, "exit-codes", rich_help_panel=_SELF)(system.exit_codes)
    return app


class _Group(typer.core.TyperGroup):
    """Errors about the command line include its text."""

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        with _harmless_complaints():
            return super().make_context(*arguments, **more)

    def invoke(self, *arguments: Any, **more: Any) -> Any:
        with _harmless_complaints():
            return super().invoke(*arguments, **more)


@contextlib.contextmanager
def _harmless_complaints() -> Iterator[None]:
    try:
        yield
    except typer.exceptions.TyperException as error:
        error.message = sanitizing.line(error.message)
        raise


def _version(wanted: bool) -> None:
    """Runs as soon as the option is parsed, because no command follows it."""
    if wanted:
        from importlib import metadata

        typer.echo(f"meshwright {metadata.version('meshwright')}")
        raise typer.Exit


def _before(
    typer_context: typer.Context,
    output: FormatOption = None,
    quiet: QuietOption = False,
    context: ContextOption = "",
    workspace: WorkspaceOption = "",
    version: Annotated[
        bool, typer.Option("--version", help="The version of this program.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    typer_context.obj = Options(output=output, quiet=quiet, context=context, workspace=workspace)
