"""`meshwright edit`: a saved design in the user's editor.

Invariant: what is saved replaces exactly the version that was edited; what cannot be saved is kept in a file, which is
named.
"""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import DesignName, MeshOption, ReasonOption, TimeoutOption, WaitOption
from meshwright.ui_api.cli.client import documents, paths
from meshwright.ui_api.cli.client.api import Answer
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit, RequestRefused
from meshwright.ui_api.cli.render import live
from meshwright.ui_api.cli.render.output import as_yaml


def edit(
    session: Session,
    design: DesignName,
    apply: Annotated[bool, typer.Option("--apply", help="Apply what was saved, too.")] = False,
    mesh: MeshOption = "",
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Edit a design in $VISUAL or $EDITOR, and save it as its next version unless another was saved meanwhile."""
    design = design.removeprefix("design/").removeprefix("designs/")
    path = paths.one(paths.DESIGNS, design)
    standing = session.api.request("GET", path)
    chosen = choices.mesh_or_only(session, mesh) if apply else ""
    text = as_yaml(standing.data)
    file = _edited(design, text)
    if file.read_text() == text:
        file.unlink()
        session.output.say(f"design {design} was not changed")
        return
    saved = _save(session, path, file, standing, reason)
    file.unlink()
    session.output.say(f"design {design} saved as version {saved.version}")
    if apply:
        body = {"mesh": chosen, "version": saved.version, "reason": reason}
        live.operate(session, "POST", f"{path}:apply", body, wait=wait, limit=timeout)
    elif not session.output.human:
        session.output.data(saved.data)


def _edited(name: str, text: str) -> Path:
    """The file as the editor leaves it. Raises CommandFailed."""
    handle, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".yaml")
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        done = subprocess.run([*command, path], check=False)
    except OSError as error:
        raise CommandFailed(
            f"the editor {command[0]} cannot be started",
            code=Exit.USAGE,
            notes=(error.strerror or str(error),),
            remedy="Set EDITOR, as in EDITOR=nano.",
        ) from error
    if done.returncode:
        raise CommandFailed(f"the editor ended with {done.returncode}; nothing was saved", notes=(f"text: {path}",))
    return Path(path)


def _save(session: Session, path: str, file: Path, standing: Answer, reason: str) -> Answer:
    """Save the edited text over the version that was edited. Raises CommandFailed."""
    kept = f"your text is kept in {file}"
    try:
        document = documents.load(str(file))
        headers = {"if-match": f'"{standing.etag}"'}
        return session.api.request("PUT", path, body=document.content, params={"reason": reason}, headers=headers)
    except RequestRefused as refused:
        if refused.slug == "stale":
            remedy = "Compare it with the newest version: meshwright diff FILE; apply it with meshwright apply FILE."
            raise CommandFailed(
                "another version was saved meanwhile", code=Exit.REFUSED, notes=(kept,), remedy=remedy
            ) from refused
        errors = refused.problem.get("errors") or []
        notes = tuple(f"{document.place(one['pointer'])} {one['pointer']}: {one['detail']}" for one in errors)
        placed = refused.placed(errors, notes)
        placed.notes += (kept,)
        raise placed from refused
    except CommandFailed as failure:
        failure.notes += (kept,)
        raise
