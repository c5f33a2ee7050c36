"""The meshes of a cluster as a table, with what is wrong below.

Invariant: the words are the adapter's own.
"""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render.output import table
from meshwright.ui_api.cli.render.views import nothing

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = ("namespace", "revision", "version", "tags", "modes", "installed by", "namespaces")


def table_of(details: dict[str, Any]) -> "RenderableType":
    """What an adapter tells in the details of a connection's test."""
    from rich.console import Group
    from rich.text import Text

    meshes = details.get("meshes") or []
    if not meshes:
        return nothing("meshes", "Install one: meshwright meshes install NAME --connection CONNECTION")
    wrong = [
        f"{one['namespace']}/{one['revision']} {each['type']}: {each['message']}"
        for one in meshes
        for each in one.get("conditions") or []
        if each["status"] != "True"
    ]
    words = [Text(each, "yellow") for each in [*wrong, *(details.get("strays") or [])]]
    return Group(table(_COLUMNS, [_row(one) for one in meshes]), *words)


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    enrolled = [*(one.get("sidecar_namespaces") or []), *(one.get("ambient_namespaces") or [])]
    lists = (", ".join(one.get(key) or []) for key in ("tags", "modes"))
    return (one["namespace"], one["revision"], one.get("version"), *lists, one.get("installer"), len(enrolled))
