"""`meshwright apply` and related commands: validate → diff → save → operation with live steps → history → rollback.

Invariant: a design is saved only after the adapter's preview has accepted it; a design without a preview, because it
takes too long or is too large, is checked by its operation, and this is reported.
"""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import (
    DesignFile,
    DesignName,
    MeshOption,
    ReasonOption,
    TimeoutOption,
    WaitOption,
    YesOption,
)
from meshwright.ui_api.cli.client import documents, paths, writing
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit, RequestRefused
from meshwright.ui_api.cli.render import live, previews

TakeOverOption = Annotated[
    bool, typer.Option("--take-over", help="Take ownership of fields of other managers, which the diff lists.")
]
_NO_PREVIEW = ("adapter-slow", "too-large")


def apply(
    session: Session,
    file: DesignFile,
    mesh: MeshOption = "",
    reason: ReasonOption = "",
    wait: WaitOption = False,
    timeout: TimeoutOption = None,
    keep_on_failure: Annotated[bool, typer.Option("--keep-on-failure", help="Do not undo when it fails.")] = False,
    take_over: TakeOverOption = False,
) -> None:
    """Save a design and make a mesh match it. With --wait each step is shown as it happens."""
    document = documents.load_design(file)
    design = document.content
    chosen = choices.mesh_or_only(session, mesh)
    _look_ahead(session, document, chosen, take_over=take_over)
    answer, changed = writing.save_if_changed(session, design, reason)
    done = "saved as version" if changed else "is unchanged at version"
    session.output.say(f"design {design['id']} {done} {answer.version}")
    body = {
        "mesh": chosen,
        "version": answer.version,
        "reason": reason,
        "keep_on_failure": keep_on_failure,
        "take_over": take_over,
    }
    path = paths.one(paths.DESIGNS, design["id"], ":apply")
    live.operate(session, "POST", path, body, wait=wait, limit=timeout)


def validate(session: Session, file: DesignFile, mesh: MeshOption = "") -> None:
    """Report everything that prevents a design from being applied."""
    document = documents.load_design(file)
    result = _ask(session, document, choices.mesh_or_only(session, mesh), "validate")
    result["errors"] = [_in_file(error) for error in result["errors"]]
    session.output.show(result, previews.validation(document, result))
    if not result["valid"]:
        raise typer.Exit(Exit.REFUSED)


def diff(session: Session, file: DesignFile, mesh: MeshOption = "", take_over: TakeOverOption = False) -> None:
    """Show what applying a design would change, resource by resource. Exit code 4 when there is a difference."""
    document = documents.load_design(file)
    chosen = choices.mesh_or_only(session, mesh)
    preview = _ask(session, document, chosen, "diff", take_over=take_over)
    session.output.show(preview, previews.diff(preview["diff"], chosen))
    _refuse_unsupported(preview)
    if any(one["change"] != "unchanged" for one in preview["diff"]):
        raise typer.Exit(Exit.DIFFERENCE)


def translate(session: Session, file: DesignFile, mesh: MeshOption = "") -> None:
    """Print the native resources that a design is translated to, as YAML documents."""
    document = documents.load_design(file)
    preview = _ask(session, document, choices.mesh_or_only(session, mesh), "translate")
    if session.output.human:
        session.output.text(previews.native(preview))
    else:
        session.output.data(preview)
    _refuse_unsupported(preview)


def rollback(
    session: Session,
    design: DesignName,
    mesh: MeshOption = "",
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="A revision from `releases list`; default the one before.")
    ] = None,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Apply an earlier revision of a design again."""
    body = {"mesh": choices.mesh_or_only(session, mesh), "revision": to, "reason": reason}
    live.operate(session, "POST", paths.one(paths.DESIGNS, design, ":rollback"), body, wait=wait, limit=timeout)


def remove(
    session: Session,
    design: DesignName,
    mesh: MeshOption = "",
    yes: YesOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Undo everything that a design applied to a mesh."""
    chosen = choices.mesh_or_only(session, mesh)
    session.confirm(f"Undo everything that {design} applied to mesh {chosen}?", yes=yes)
    body = {"mesh": chosen, "reason": reason}
    live.operate(session, "POST", paths.one(paths.DESIGNS, design, ":remove"), body, wait=wait, limit=timeout)


def _look_ahead(session: Session, document: documents.Document, mesh: str, *, take_over: bool) -> None:
    """Print what applying would change. Raises CommandFailed when the adapter refuses it."""
    try:
        preview = _ask(session, document, mesh, "diff", take_over=take_over)
    except RequestRefused as refused:
        if refused.slug not in _NO_PREVIEW:
            raise
        why = "; ".join((refused.what, *refused.notes))
        session.output.warn(f"there is no preview of this design ({why}): the operation itself checks it")
        return
    _refuse_unsupported(preview)
    session.output.say(previews.plan(preview["diff"], mesh))


def _ask(
    session: Session, document: documents.Document, mesh: str, verb: str, *, take_over: bool = False
) -> dict[str, Any]:
    """The adapter's preview of the design; errors point into the file."""
    path = paths.one(paths.DESIGNS, document.content["id"], f":{verb}")
    try:
        body = {"mesh": mesh, "design": document.content, "take_over": take_over}
        answer = session.api.request("POST", path, body=body, repeatable=True).data
    except RequestRefused as refused:
        errors = [_in_file(error) for error in refused.problem.get("errors") or []]
        notes = tuple(f"{document.place(one['pointer'])} {one['pointer']}: {one['detail']}" for one in errors)
        raise refused.placed(errors, notes) from refused
    return dict(answer)


def _in_file(error: dict[str, Any]) -> dict[str, Any]:
    """The error with its pointer into the design, which is a part of the request."""
    return {**error, "pointer": "#" + error.get("pointer", "#").lstrip("#").removeprefix("/design")}


def _refuse_unsupported(preview: dict[str, Any]) -> None:
    refused = preview.get("unsupported") or []
    if refused:
        raise CommandFailed(
            "this mesh cannot do what the design asks",
            code=Exit.REFUSED,
            notes=tuple(f"{one['intent']}: {one['because']}" for one in refused),
            remedy=refused[0].get("instead") or "`meshwright adapters show` has the intent matrix.",
        )
