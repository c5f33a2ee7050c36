"""The graph of a mesh for a terminal: one line per edge, grouped by who calls.

Invariant: nothing is said to be healthy that had no requests; numbers line up.
"""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_WARN, _ALARM = 0.01, 0.05
"""error rates from which an edge is told as doubtful, and as bad"""


def topology(document: dict[str, Any]) -> "RenderableType":
    """The edges of the newest window, and the services that nobody called in it."""
    from rich.console import Group
    from rich.text import Text

    edges = sorted(document["edges"], key=lambda e: (_from(e), _to(e), e.get("destination_version", "")))
    head = Text.assemble((f"mesh {document['mesh']}", "bold"))
    if document.get("start"):
        head.append(f"  {document['seconds']:g} s from {output.clock(document['start'])}")
    if not edges:
        head.append("\nNo traffic was measured yet.", "dim")
        return Group(head, *_quiet(document, edges))
    rows = []
    before = ""
    for edge in edges:
        source = _from(edge)
        rows.append((source if source != before else "", *_edge(edge)))
        before = source
    columns = ("from", "", "to", "version", "req/s", "errors", "p50", "p99")
    return Group(head, output.table(columns, rows, right=("req/s", "errors", "p50", "p99")), *_quiet(document, edges))


def _edge(edge: dict[str, Any]) -> tuple["str | Text", ...]:
    return (
        "→",
        _to(edge),
        edge.get("destination_version") or "-",
        f"{edge['rate']:.1f}",
        _errors(edge),
        _milliseconds(edge.get("p50_ms")),
        _milliseconds(edge.get("p99_ms")),
    )


def _errors(edge: dict[str, Any]) -> "Text":
    from rich.text import Text

    if not edge["requests"]:
        return Text("-", "dim")
    rate = edge["error_rate"]
    style = "red" if rate >= _ALARM else "yellow" if rate >= _WARN else ""
    mark = "✗ " if rate >= _ALARM else "! " if rate >= _WARN else ""
    return Text(f"{mark}{rate * 100:.1f} %", style)


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def _quiet(document: dict[str, Any], edges: list[dict[str, Any]]) -> list["Text"]:
    from rich.text import Text

    called = set(map(_to, edges))
    callers = set(map(_from, edges))
    silent = [node["id"] for node in document["nodes"] if node["id"] not in called and not callers & _workloads(node)]
    return [Text(f"without traffic: {', '.join(silent)}", "dim")] if silent else []


def _from(edge: dict[str, Any]) -> str:
    return _full(edge.get("source_namespace"), edge["source"])


def _to(edge: dict[str, Any]) -> str:
    return _full(edge.get("destination_namespace"), edge["destination"])


def _workloads(node: dict[str, Any]) -> set[str]:
    return {_full(node.get("namespace"), name) for name in node["workloads"]}


def _full(namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
