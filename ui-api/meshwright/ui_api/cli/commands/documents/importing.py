"""`meshwright designs import`: existing resources as a design, with a list of the fields that it does not express."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli.choices import MeshOption, ReasonOption
from meshwright.ui_api.cli.client import documents, paths, writing
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.render.documents import imports
from meshwright.ui_api.cli.render.output import as_yaml


def design(
    session: Session,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", help="A file, a folder (read with its subfolders), or - for stdin; repeatable."),
    ] = None,
    adapter: Annotated[
        str, typer.Option("--adapter", help="Without a mesh: the adapter that reads them, such as istio.")
    ] = "",
    mesh: MeshOption = "",
    live: Annotated[
        bool, typer.Option("--live", help="Include the mesh's present resources; files replace those of the same name.")
    ] = False,
    id: Annotated[str, typer.Option("--id", help="The name of the design.")] = "imported",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Only this namespace; the default of resources that name none.")
    ] = "",
    flat: Annotated[bool, typer.Option("--flat", help="Omit namespaces, for a mesh that has none.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Store the design; this applies nothing.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 8 if a field is not expressed by an intent.")
    ] = False,
    reason: ReasonOption = "",
) -> None:
    """Import existing YAML, or the resources of a mesh, as a design. Fields that no intent expresses are listed."""
    if bool(mesh) == bool(adapter):
        raise CommandFailed("name a mesh or an adapter", code=Exit.USAGE, remedy="Add --mesh NAME or --adapter NAME.")
    sources = [{"name": name, "content": documents.text(name)} for name in documents.sources(files or [])]
    if adapter and not sources:
        raise CommandFailed("name the files to import", code=Exit.USAGE, remedy="Add --file PATH or --mesh NAME.")
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
    """The design without default values, as users write it."""
    return {key: _given(value) for key, value in design.items() if value}


def _given(value: Any) -> Any:
    """A value without the fields that are not set; an empty text may be set on purpose."""
    if isinstance(value, dict):
        return {key: _given(inner) for key, inner in value.items() if inner is not None}
    return [_given(each) for each in value] if isinstance(value, list) else value
