"""`meshwright analyze`: findings about files, about the resources of a mesh, or about files merged into these."""

import enum
from typing import Annotated, Any

import msgspec
import typer

from meshwright.schemas import rules
from meshwright.schemas.findings import Suppression
from meshwright.ui_api.cli.client import documents, paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.render.documents import findings
from meshwright.ui_api.cli.render.formats import Format
from meshwright.ui_api.cli.render.output import Output


class Report(enum.StrEnum):
    """The format of findings."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    SARIF = "sarif"
    JUNIT = "junit"


class Level(enum.StrEnum):
    """The lowest severity for which the command fails."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    NEVER = "never"


def codes(incomplete: str) -> list[str]:
    """Codes that start like this, for the shell."""
    return [each for each in rules.BY_CODE if each.startswith(incomplete.upper())]


def analyze(
    session: Session,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", help="A file, a folder (read with its subfolders), or - for stdin; repeatable."),
    ] = None,
    mesh: Annotated[str, typer.Option("--mesh", "-m", help="The mesh to which the files apply.")] = "",
    adapter: Annotated[
        str, typer.Option("--adapter", help="Without a mesh: the adapter whose rules apply, such as istio.")
    ] = "",
    live: Annotated[
        bool, typer.Option("--live", help="Include the mesh's present resources; files replace those of the same name.")
    ] = False,
    suppress: Annotated[
        list[str] | None,
        typer.Option(
            "--suppress", help="A code, or CODE=Kind/namespace/name for one resource; repeatable.", autocompletion=codes
        ),
    ] = None,
    fail_on: Annotated[Level, typer.Option("--fail-on", help="Exit with 8 at this severity or above.")] = Level.ERROR,
    explain: Annotated[
        str, typer.Option("--explain", metavar="CODE", help="Explain a code.", autocompletion=codes)
    ] = "",
    output: Annotated[Report | None, typer.Option("--output", "-o", help="The format of findings.")] = None,
) -> None:
    """Find mistakes in Kubernetes resources, before or after they are applied to a mesh. Changes nothing."""
    before = session.options.output.format.value if session.options.output else ""
    report = output or Report(before if before in list(Report) else Report.TABLE)
    if report in (Report.JSON, Report.YAML):
        session.output = Output(Format(report), quiet=session.options.quiet)
    if explain:
        if files or mesh or adapter or live or suppress:
            raise CommandFailed(
                "--explain stands alone", code=Exit.USAGE, remedy="Say --explain CODE and nothing else."
            )
        rule = session.api.request("GET", paths.one(paths.FINDINGS, explain)).data
        session.output.show(rule, findings.page(rule))
        return
    for code in suppress or []:
        if not _is_suppression(code):
            remedy = "Codes look like MW3301; on one resource write MW3301=Kind/namespace/name."
            raise CommandFailed(f"{code!r} is not a code", code=Exit.USAGE, remedy=remedy)
    if bool(mesh) == bool(adapter):
        raise CommandFailed("name a mesh or an adapter", code=Exit.USAGE, remedy="Add --mesh NAME or --adapter NAME.")
    sources = [{"name": name, "content": documents.text(name)} for name in documents.sources(files or [])]
    if adapter and not sources:
        raise CommandFailed("name the files to analyze", code=Exit.USAGE, remedy="Add --file PATH or --mesh NAME.")
    question = {"files": sources, "suppress": suppress or []} | ({"live": live or not sources} if mesh else {})
    path = paths.one(paths.MESHES, mesh, ":analyze") if mesh else paths.one(paths.ADAPTERS, adapter, ":analyze")
    analysis = session.api.request("POST", path, body=question, repeatable=True).data
    _write(session, report, analysis)
    counted = [each for each in analysis["findings"] if not each["suppressed"] and _counts(each, fail_on)]
    if counted:
        raise typer.Exit(Exit.FINDINGS)


def _is_suppression(text: str) -> bool:
    try:
        msgspec.convert(text, Suppression)
    except msgspec.ValidationError:
        return False
    return True


def _write(session: Session, report: Report, analysis: dict[str, Any]) -> None:
    if report is Report.SARIF:
        Output(Format.JSON).data(findings.sarif(analysis))
    elif report is Report.JUNIT:
        session.output.text(findings.junit(analysis))
    else:
        session.output.show(analysis, findings.table(analysis))
        session.output.say(findings.summary(analysis))


def _counts(finding: dict[str, Any], fail_on: Level) -> bool:
    order = [Level.ERROR, Level.WARNING, Level.NOTE]
    return fail_on is not Level.NEVER and order.index(Level(finding["severity"])) <= order.index(fail_on)
