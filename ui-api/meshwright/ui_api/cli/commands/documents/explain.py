"""`meshwright explain`: the fields of intents, designs, resources and operations, without a server."""

import contextlib
from typing import Annotated

import typer

from meshwright.ui_api.cli.client.session import Session


def _paths(incomplete: str) -> list[str]:
    """Topics and fields that begin like this, for the shell."""
    from meshwright.ui_api.cli.contract import topics
    from meshwright.ui_api.cli.exits import CommandFailed

    before, dot, _ = incomplete.rpartition(".")
    names = list(topics.topics())
    with contextlib.suppress(CommandFailed):
        names += [f"{before}.{each.path}" for each in topics.fields(topics.find(before))] if dot else []
    return [name for name in names if name.startswith(incomplete)]


def explain(
    session: Session,
    path: Annotated[
        str,
        typer.Argument(metavar="[PATH]", help="As in design, traffic-split.backends.weight.", autocompletion=_paths),
    ] = "",
    recursive: Annotated[bool, typer.Option("--recursive", help="All fields below, too.")] = False,
) -> None:
    """Explain intents, designs, resources and operations: every field with its type, bounds and an example."""
    from meshwright.ui_api.cli.contract import topics
    from meshwright.ui_api.cli.render.documents import schemas

    if not path:
        known = topics.topics()
        rows = [{"name": each.name, "group": each.group} for each in known.values()]
        session.output.show(rows, schemas.index(known))
        return
    node = topics.find(path)
    document = {
        "path": node.path,
        "required": node.required,
        "schema": topics.plain(node.schema),
        "example": schemas.example(node),
    }
    session.output.show(document, schemas.page(node, recursive=recursive))
