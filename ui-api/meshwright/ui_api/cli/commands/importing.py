"""`meshwright designs import`: existing resources as a design, and field by field what of them it does not say."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli.choices import MeshOption, ReasonOption
from meshwright.ui_api.cli.client import documents, paths, writing
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.render import imports
from meshwright.ui_api.cli.render.output import as_yaml


def design(
    session: Session,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", help="A file, a folder (read with its subfolders), or - for stdin; repeatable."),
    ] = None,
    adapter: Annotated[str, typer.Option("--adapter", help="Without a mesh: who reads them, such as istio.")] = "",
    mesh: MeshOption = "",
    live: Annotated[bool, typer.Option("--live", help="Also what the mesh has now; files stand for theirs.")] = False,
    id: Annotated[str, typer.Option("--id", help="What the design is called.")] = "imported",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Only what is there; where resources are that name none.")
    ] = "",
    flat: Annotated[bool, typer.Option("--flat", help="Leave namespaces out, for a mesh that has none.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Store the design; this applies nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 8 when some field is in no intent.")] = False,
    reason: ReasonOption = "",
) -> None:
    """Read existing YAML, or what a mesh has, as a design. What no intent says is named, field by field."""
    if bool(mesh) == bool(adapter):
        raise CommandFailed("name a mesh or an adapter", code=Exit.USAGE, remedy="Say --mesh NAME or --adapter NAME.")
    sources = [{"name": name, "content": documents.text(name)} for name in documents.sources(files or [])]
    if adapter and not sources:
        raise CommandFailed("name the files to import", code=Exit.USAGE, remedy="Say --file PATH, or --mesh NAME.")
    question: dict[str, Any] = {"files": sources, "id": id, "namespace": namespace, "flat": flat}
    question |= {"live": live or not sources} if mesh else {}
    path = paths.one(paths.MESHES, mesh, ":import") if mesh else paths.one(paths.ADAPTERS, adapter, ":import")
    answer = session.api.request("POST", path, body=question, repeatable=True).data
    if answer["unexpressed"] or answer["not_read"]:
        session.output.say(imports.table(answer))
    session.output.say(imports.summary(answer))
    document = _shortened(answer["design"])
    if save:
        saved, changed = writing.save_if_changed(session, document, reason)
        session.output.say(f"design {id} {'saved as' if changed else 'is unchanged at'} version {saved.version}")
    if session.output.human:
        session.output.text(as_yaml(document))
    else:
        session.output.data(document)
    if strict and answer["unexpressed"]:
        raise typer.Exit(Exit.FINDINGS)


def _shortened(design: dict[str, Any]) -> dict[str, Any]:
    """The design without what is said by leaving it out, as people write it."""
    return {key: _given(value) for key, value in design.items() if value}


def _given(value: Any) -> Any:
    """A value without the fields that are not set; an empty text may be meant."""
    if isinstance(value, dict):
        return {key: _given(inner) for key, inner in value.items() if inner is not None}
    return [_given(each) for each in value] if isinstance(value, list) else value
