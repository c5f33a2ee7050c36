"""Meshwright itself for a terminal: streams, views, workers."""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output

if TYPE_CHECKING:
    from rich.console import RenderableType

_NEARLY_FULL, _FULL = 0.8, 0.95


def system(document: dict[str, Any]) -> "RenderableType":
    """Three tables, and what is wrong with the views."""
    from rich.console import Group
    from rich.text import Text

    projection = document["projection"]
    positions = {each["stream"]: each for each in projection["streams"]}
    names = ("messages", "size", "limit", "full", "views behind")
    rows = [_stream(each, positions.get(each["name"])) for each in document["streams"]]
    streams = output.table(("stream", *names), rows, right=names)
    age = projection.get("age")
    words = [f"the views are {age:.1f} s old" if age is not None else "the age of the views is not known"]
    words += [f"{projection['set_aside']} messages could not be projected"] if projection["set_aside"] else []
    head = Text(f"meshwright {document['version']}  " + ", ".join(words))
    complaint = [Text(f"! {projection['complaint']}", "red")] if projection["complaint"] else []
    workers = [row for adapter in document["adapters"] for row in _adapter(adapter)]
    columns = ("adapter", "worker", "version", "up", "meshes", "open operations")
    table = output.table(columns, workers, right=("up", "open operations"))
    return Group(head, *complaint, Text(""), streams, Text(""), table)


def _stream(stream: dict[str, Any], position: dict[str, Any] | None) -> tuple[Any, ...]:
    from rich.text import Text

    fill = stream["fill"]
    style = "" if stream["rolling"] or fill < _NEARLY_FULL else "red" if fill >= _FULL else "yellow"
    return (
        stream["name"],
        f"{stream['messages']:,}",
        _size(stream["bytes"]),
        _size(stream["limit_bytes"]) if stream["limit_bytes"] else "-",
        Text(f"{fill * 100:.1f} %" if stream["limit_bytes"] else "-", style),
        f"{position['behind']:,}" if position else "-",
    )


def _adapter(adapter: dict[str, Any]) -> list[tuple[Any, ...]]:
    """A row for each worker, or one that says that there is none."""
    from rich.text import Text

    meshes = ", ".join(adapter["meshes"])
    waiting = str(adapter["open_operations"])
    if adapter.get("open_since"):
        waiting += f" since {output.age(adapter['open_since'])}"
    if not adapter["workers"]:
        why = adapter["failure"] or "no live worker"
        return [(adapter["name"], Text(why, "red"), "", "", meshes, waiting)]
    rows = []
    for number, worker in enumerate(adapter["workers"]):
        version = Text(f"{worker['version']} (another version)", "yellow") if worker["skewed"] else worker["version"]
        name, *rest = (adapter["name"], meshes, waiting) if not number else ("", "", "")
        rows.append((name, worker["instance"], version, output.age(worker["started_at"]), *rest))
    return rows


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
