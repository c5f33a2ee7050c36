"""The workspace at a glance, and traffic over time, for a terminal.

Invariant: a step in which nothing was measured is a gap in a line, and never a zero.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output
from meshwright.ui_api.cli.render.traffic import graph

if TYPE_CHECKING:
    from rich.console import RenderableType

_BARS = "▁▂▃▄▅▆▇█"
_WIDEST = 60
_STYLES = {"critical": "bold red", "error": "red", "warning": "yellow"}
_STATES = {"ready": "green", "degraded": "red"}


def sparkline(values: Iterable[float | None]) -> str:
    """Values as bars from 0 to the highest; None is a gap."""
    known = list(values)
    highest = max((value for value in known if value is not None), default=0.0)
    return "".join(" " if value is None else _bar(value, highest) for value in known)


def _bar(value: float, highest: float) -> str:
    return _BARS[min(int(value / highest * len(_BARS)), len(_BARS) - 1)] if highest > 0 else _BARS[0]


def overview(document: dict[str, Any]) -> "RenderableType":
    """Meshes, what runs, and what needs somebody."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = []
    if meshes := document["meshes"]:
        columns = (
            "mesh",
            "kind",
            "version",
            "state",
            "proxies",
            "mTLS",
            "req/s",
            "errors",
            "p50",
            "p99",
            "last windows",
        )
        parts.append(output.table(columns, map(_mesh, meshes), right=("mTLS", "req/s", "errors", "p50", "p99")))
        if (more := document["mesh_count"] - len(meshes)) > 0:
            parts.append(Text(f"and {more} more meshes", "dim"))
    else:
        parts.append(Text("no mesh yet: `meshwright meshes install NAME --connection CONNECTION` creates one"))
    running = document["operations"]
    if running["count"]:
        parts.append(Text(f"\nrunning: {running['count']}", "bold"))
        rows = [(each["id"], each["title"], each["state"], each["progress"]) for each in running["newest"]]
        parts.append(output.table(("operation", "what", "state", "progress"), rows))
    parts += _attention(document)
    return Group(*parts)


def _attention(document: dict[str, Any]) -> list[Any]:
    from rich.text import Text

    items = document["attention"]
    if not items:
        return [Text("\nnothing needs you", "green")] if document["meshes"] else []
    rows = [
        (
            Text(item["severity"], _STYLES[item["severity"]]),
            item["sentence"],
            f"{item['entity']['kind']} {item['entity']['id']}",
            output.age(item.get("since")),
        )
        for item in items
    ]
    more = document["attention_total"] - len(items)
    table = output.table(("severity", "what needs somebody", "entity", "since"), rows)
    return [Text(""), table, *([Text(f"and {more} more", "dim")] if more > 0 else [])]


def _mesh(mesh: dict[str, Any]) -> Sequence[Any]:
    from rich.text import Text

    numbers = mesh.get("traffic") or {}
    proxies = mesh["proxies"]
    in_sync = f"{proxies['in_sync']}/{proxies['total']}"
    bad = [f"{proxies[name]} {name}" for name in ("rejected", "stale") if proxies[name]]
    return (
        mesh["id"],
        mesh["kind"],
        mesh["version"],
        Text(mesh["state"], _STATES.get(mesh["state"], "")),
        Text(" ".join([in_sync, *bad]), "yellow" if bad else ""),
        _percent(numbers.get("mutual_tls")),
        f"{numbers['rate']:.1f}" if numbers else "-",
        graph.errors(numbers) if numbers else "-",
        graph.milliseconds(numbers.get("p50_ms")),
        graph.milliseconds(numbers.get("p99_ms")),
        sparkline(_measured(mesh["sparkline"], "rate")),
    )


def series(document: dict[str, Any]) -> "RenderableType":
    """A line for each number, with its last, lowest and highest value, and that of the whole span."""
    from rich.console import Group
    from rich.text import Text

    points, total = document["points"], document["total"]
    head = Text.assemble((f"mesh {document['mesh']}", "bold"))
    head.append(
        f"  {output.date(document['since'])} to {output.date(document['until'])}, steps of {document['step']:g} s"
    )
    notes = []
    if not any(point["seconds"] for point in points):
        kept = (
            f"; the oldest window began at {output.date(document['kept_since'])}" if document.get("kept_since") else ""
        )
        return Group(head, Text(f"Nothing was measured in this span{kept}."))
    if not document["complete"]:
        notes.append(Text("! the oldest part is left out: there was too much to add up in time", "yellow"))
    rows = [_number(name, field, shown, points, total) for name, field, shown in _NUMBERS]
    table = output.table(
        ("", "last", "lowest", "highest", "all", "over time"), rows, right=("last", "lowest", "highest", "all")
    )
    return Group(head, table, *notes)


def _number(
    name: str, field: str, shown: Callable[[float | None], str], points: list[dict[str, Any]], total: dict[str, Any]
) -> Sequence[Any]:
    values = _measured(points, field)
    known = [value for value in values if value is not None]
    last = known[-1] if known else None
    return (
        name,
        shown(last),
        shown(min(known, default=None)),
        shown(max(known, default=None)),
        shown(total.get(field)),
        sparkline(values[-_WIDEST:]),
    )


def _measured(points: list[dict[str, Any]], field: str) -> list[float | None]:
    """The values of the points; None where nothing was measured."""
    return [point.get(field) if point["seconds"] else None for point in points]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.1f} %" if 0 < value < 1 else f"{value * 100:.0f} %"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


_NUMBERS: Sequence[tuple[str, str, Callable[[float | None], str]]] = (
    ("requests/s", "rate", _rate),
    ("errors", "error_rate", _percent),
    ("p50", "p50_ms", graph.milliseconds),
    ("p90", "p90_ms", graph.milliseconds),
    ("p99", "p99_ms", graph.milliseconds),
    ("mutual TLS", "mutual_tls", _percent),
)
