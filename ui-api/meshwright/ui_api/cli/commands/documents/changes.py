"""`meshwright apply` and related commands: validate → diff → save → operation with live steps → history → rollback.

Invariant: a design is saved only after the adapter's preview has accepted it, and of several designs none before all
are accepted; a design without a preview, because it takes too long or is too large, is checked by its operation, and
this is reported.
"""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import (
    DesignFiles,
    DesignName,
    DryRunOption,
    FilesOption,
    MeshOption,
    ReasonOption,
    TimeoutOption,
    WaitOption,
    YesOption,
)
from meshwright.ui_api.cli.client import documents, paths, previewing, writing
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit, RequestRefused
from meshwright.ui_api.cli.render import live, previews

TakeOverOption = Annotated[
    bool, typer.Option("--take-over", help="Take ownership of fields of other managers, which the diff lists.")
]
_NO_PREVIEW = ("adapter-slow", "too-large")


def apply(
    session: Session,
    files: DesignFiles = None,
    file: FilesOption = None,
    mesh: MeshOption = "",
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
    keep_on_failure: Annotated[bool, typer.Option("--keep-on-failure", help="Do not undo when it fails.")] = False,
    take_over: TakeOverOption = False,
) -> None:
    """Save designs and make a mesh match them, each step shown as it happens. All are checked before one is applied."""
    designs = choices.designs(files, file)
    chosen = choices.mesh_or_only(session, mesh)
    looks = previewing.each(designs, lambda each: _look_ahead(session, each, chosen, take_over=take_over))
    if dry_run:
        shown = [look for look in looks if look is not None]
        session.output.show(
            shown[0] if len(designs) == 1 and shown else shown, previews.diffs([look["diff"] for look in shown], chosen)
        )
        session.output.say("dry run: nothing was changed")
        return
    options = {"mesh": chosen, "reason": reason, "keep_on_failure": keep_on_failure, "take_over": take_over}
    done: list[dict[str, Any]] = []
    for design in designs:
        try:
            done.append(_apply(session, design, options, wait, timeout))
        except CommandFailed as failure:
            if len(designs) > 1:
                left = ", ".join(each.content["id"] for each in designs[len(done) + 1 :])
                failure.notes += (f"not applied: {left}",) if left else ()
            raise
    if not session.output.human:
        session.output.data(done[0] if len(done) == 1 else done)


def validate(session: Session, files: DesignFiles = None, file: FilesOption = None, mesh: MeshOption = "") -> None:
    """Report everything that prevents designs from being applied."""
    designs = choices.designs(files, file)
    chosen = choices.mesh_or_only(session, mesh)
    results = []
    for document in designs:
        result = previewing.ask(session, document, chosen, "validate")
        result["errors"] = [previewing.in_file(error) for error in result["errors"]]
        results.append(result)
    session.output.show(
        results[0] if len(results) == 1 else results,
        previews.validations([(document, result) for document, result in zip(designs, results, strict=True)]),
    )
    if not all(result["valid"] for result in results):
        raise typer.Exit(Exit.REFUSED)


def diff(
    session: Session,
    files: DesignFiles = None,
    file: FilesOption = None,
    mesh: MeshOption = "",
    take_over: TakeOverOption = False,
) -> None:
    """Show what applying designs would change, resource by resource. Exit code 4 when there is a difference."""
    designs = choices.designs(files, file)
    chosen = choices.mesh_or_only(session, mesh)
    looks = previewing.each(designs, lambda each: previewing.ask(session, each, chosen, "diff", take_over=take_over))
    session.output.show(
        looks[0] if len(looks) == 1 else looks, previews.diffs([look["diff"] for look in looks], chosen)
    )
    for look in looks:
        previewing.refuse(look)
    if any(one["change"] != "unchanged" for look in looks for one in look["diff"]):
        raise typer.Exit(Exit.DIFFERENCE)


def translate(session: Session, files: DesignFiles = None, file: FilesOption = None, mesh: MeshOption = "") -> None:
    """Print the native resources that designs are translated to, as YAML documents."""
    designs = choices.designs(files, file)
    chosen = choices.mesh_or_only(session, mesh)
    looks = previewing.each(designs, lambda each: previewing.ask(session, each, chosen, "translate"))
    if session.output.human:
        session.output.text("".join(map(previews.native, looks)))
    else:
        session.output.data(looks[0] if len(looks) == 1 else looks)
    for look in looks:
        previewing.refuse(look)


def rollback(
    session: Session,
    design: DesignName,
    mesh: MeshOption = "",
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="A revision from `releases list`; default the one before.")
    ] = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Apply an earlier revision of a design again."""
    body = {"mesh": choices.mesh_or_only(session, mesh), "revision": to, "reason": reason}
    path = paths.one(paths.DESIGNS, design, ":rollback")
    live.operate(session, "POST", path, body, wait=wait, limit=timeout, dry_run=dry_run)


def remove(
    session: Session,
    design: DesignName,
    mesh: MeshOption = "",
    yes: YesOption = False,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Undo everything that a design applied to a mesh."""
    chosen = choices.mesh_or_only(session, mesh)
    session.confirm(f"Undo everything that {design} applied to mesh {chosen}?", yes=yes or dry_run)
    body = {"mesh": chosen, "reason": reason}
    path = paths.one(paths.DESIGNS, design, ":remove")
    live.operate(session, "POST", path, body, wait=wait, limit=timeout, dry_run=dry_run)


def _look_ahead(session: Session, document: documents.Document, mesh: str, *, take_over: bool) -> dict[str, Any] | None:
    """Print what applying would change. Raises CommandFailed when the adapter refuses it."""
    try:
        preview = previewing.ask(session, document, mesh, "diff", take_over=take_over)
    except RequestRefused as refused:
        if refused.slug not in _NO_PREVIEW:
            raise
        why = "; ".join((refused.what, *refused.notes))
        session.output.warn(f"there is no preview of this design ({why}): the operation itself checks it")
        return None
    previewing.refuse(preview)
    session.output.say(previews.plan(preview["diff"], mesh))
    return preview


def _apply(
    session: Session, document: documents.Document, options: dict[str, Any], wait: bool, timeout: float | None
) -> dict[str, Any]:
    """Save one design and apply that version."""
    design = document.content
    answer, changed = writing.save_if_changed(session, design, options["reason"])
    done = "saved as version" if changed else "is unchanged at version"
    session.output.say(f"design {design['id']} {done} {answer.version}")
    path = paths.one(paths.DESIGNS, design["id"], ":apply")
    body = {**options, "version": answer.version}
    return live.operate(session, "POST", path, body, wait=wait, limit=timeout, silent=True)
