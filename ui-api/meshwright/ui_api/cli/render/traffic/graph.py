"""The graph of a mesh for a terminal: one line per edge, grouped by caller.

Invariant: an edge without requests is never shown as healthy; numbers are aligned.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_WARN, _ALARM = 0.01, 0.05
"""error rates from which an edge is shown as a warning, and as an error"""


def topology(document: dict[str, Any]) -> "RenderableType":
    """The edges or, of a graph that is grouped, the links between its nodes; and the services without requests."""
    from rich.console import Group
    from rich.text import Text

    is_grouped = not document["edges"] and bool(document.get("links"))
    edges = sorted(
        document["links" if is_grouped else "edges"], key=lambda e: (_from(e), _to(e), e.get("destination_version", ""))
    )
    head = Text.assemble((f"mesh {document['mesh']}", "bold"))
    if document.get("start"):
        head.append(f"  {document['seconds']:g} s from {output.clock(document['start'])}")
    if source := document.get("source"):
        head.append(f"  {_source(source)}", "dim")
    if is_grouped:
        head.append(f"  by {document['group']}, {document['total_nodes']} nodes in all", "dim")
    if not edges:
        head.append("\nNo traffic was measured yet.", "dim")
        return Group(head, *_failure(document), *_quiet(document, edges))
    columns = ["req/s", "errors", "p50", "p99"]
    columns += ["mTLS"] if any(edge.get("mutual_tls") is not None for edge in edges) else []
    columns += ["conn", "sent", "received"] if any(map(_is_tcp, edges)) else []
    rows = []
    before = ""
    for edge in edges:
        caller = _from(edge)
        cells = (_CELLS[column](edge) for column in columns)
        version = () if is_grouped else (edge.get("destination_version") or "-",)
        rows.append((caller if caller != before else "", "→", _to(edge), *version, *cells))
        before = caller
    names = ("from", "", "to", *(() if is_grouped else ("version",)))
    table = output.table((*names, *columns), rows, right=columns)
    return Group(head, table, *_failure(document), *_quiet(document, edges))


def _source(source: dict[str, Any]) -> str:
    """Where the numbers come from."""
    whose = f"{source['statistics'] or 'no'} statistics"
    if source["read_from"] == "prometheus":
        return f"{whose}, from Prometheus {source['connection']}"
    silent = f", {source['silent']} silent" if source["silent"] else ""
    proxies = "1 proxy" if source["proxies"] == 1 else f"{source['proxies']} proxies"
    return f"{whose}, from {proxies}{silent}"


def _failure(document: dict[str, Any]) -> list["Text"]:
    """Why nothing, or not all, was measured."""
    from rich.text import Text

    if not (failure := document.get("failure")):
        return []
    lines = [f"! {failure['what']}", *([failure["remedy"]] if failure["remedy"] else [])]
    return [Text(" ".join(lines), "yellow")]


def _is_tcp(edge: dict[str, Any]) -> bool:
    """Whether it carried something that is no HTTP."""
    return not edge["requests"] and any(edge.get(name) for name in ("connections", "sent_bytes", "received_bytes"))


def errors(edge: dict[str, Any]) -> "Text":
    """The share of errors, marked where it is high."""
    from rich.text import Text

    if not edge["requests"]:
        return Text("-", "dim")
    rate = edge["error_rate"]
    style = "red" if rate >= _ALARM else "yellow" if rate >= _WARN else ""
    mark = "✗ " if rate >= _ALARM else "! " if rate >= _WARN else ""
    return Text(f"{mark}{rate * 100:.1f} %", style)


def milliseconds(value: float | None) -> str:
    """A latency, in seconds where it is long."""
    if value is None:
        return "-"
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def _mutual_tls(edge: dict[str, Any]) -> "Text":
    from rich.text import Text

    share = edge.get("mutual_tls")
    if share is None:
        return Text("-", "dim")
    return Text(f"{share * 100:.0f} %", "yellow" if share < 1 else "")


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _bytes(value: int | None) -> str:
    if value is None or value < 10_000:
        return _number(value)
    return f"{value / 1e3:.0f} kB" if value < 1e7 else f"{value / 1e6:.0f} MB"


_CELLS: dict[str, Callable[[dict[str, Any]], "str | Text"]] = {
    "req/s": lambda edge: f"{edge['rate']:.1f}",
    "errors": errors,
    "p50": lambda edge: milliseconds(edge.get("p50_ms")),
    "p99": lambda edge: milliseconds(edge.get("p99_ms")),
    "mTLS": _mutual_tls,
    "conn": lambda edge: _number(edge.get("connections")),
    "sent": lambda edge: _bytes(edge.get("sent_bytes")),
    "received": lambda edge: _bytes(edge.get("received_bytes")),
}


def _quiet(document: dict[str, Any], edges: list[dict[str, Any]]) -> list["Text"]:
    from rich.text import Text

    called = set(map(_to, edges))
    callers = set(map(_from, edges))
    silent = [
        node["id"]
        for node in document["nodes"]
        if node["id"] not in called | callers and not callers & _workloads(node)
    ]
    return [Text(f"without traffic: {', '.join(silent)}", "dim")] if silent else []


def _from(edge: dict[str, Any]) -> str:
    return _full(edge.get("source_namespace"), edge["source"])


def _to(edge: dict[str, Any]) -> str:
    return edge.get("destination_host") or _full(edge.get("destination_namespace"), edge["destination"])


def _workloads(node: dict[str, Any]) -> set[str]:
    return {_full(node.get("namespace"), name) for name in node["workloads"]}


def _full(namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
