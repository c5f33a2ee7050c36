"""Lists and documents as tables.

Invariant: a table uses the API's own terms; states have one mark and one colour each, and never colour alone.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output
from meshwright.ui_api.cli.render.output import age, table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

Document = dict[str, Any]
_GOOD = ("ready", "synced", "succeeded", "completed", "applied", "delivered", "enabled", "replayed")
_BAD = ("degraded", "rejected", "failed", "dead_lettered", "timed_out", "undo_failed", "drifted")
_OPEN = (
    "installing", "removing", "stale", "running", "queued", "waiting", "accepted", "not_sent", "retrying", "open",
    "different",
)  # fmt: skip


def state(word: str) -> "Text":
    """A state with its mark."""
    from rich.text import Text

    for words, mark, style in ((_GOOD, "✓", "green"), (_BAD, "✗", "red"), (_OPEN, "…", "yellow")):
        if word in words:
            return Text(f"{mark} {word.replace('_', ' ')}", style)
    return Text(f"- {word.replace('_', ' ')}", "dim")


def document(content: Document) -> "RenderableType":
    """A document as YAML that can be edited and sent again."""
    from rich.text import Text

    return Text(output.as_yaml(content).rstrip("\n"))


def nothing(what: str, hint: str) -> "RenderableType":
    """An empty list, with a suggested command."""
    from rich.text import Text

    return Text(f"No {what}. {hint}", "dim")


def workloads(items: list[Document], of_workloads: list[Document]) -> "RenderableType":
    """Workloads with the state of their proxies."""
    if not items:
        return nothing("workloads", "Enrol some: meshwright workloads enrol -f FILE --mesh MESH")
    by_workload: dict[str, list[str]] = {}
    for proxy in of_workloads:
        by_workload.setdefault(proxy.get("workload") or "", []).append(proxy["state"])
    mixed = any(w["kind"] != "process" for w in items)
    rows = [
        {
            "workload": w["name"],
            "namespace": w.get("namespace"),
            "kind": w["kind"] if mixed else "",
            "service": w.get("service"),
            "version": w.get("version"),
            "address": f"{w['address']}:{w['port']}" if w.get("address") else "",
            "mesh": w["mesh"],
            "sidecar": w.get("sidecar"),
            "proxy": _together(by_workload.get(w["id"], [])),
            "seen": age(w["observed_at"]),
        }
        for w in items
    ]
    return with_columns(rows, optional=("namespace", "kind", "address", "sidecar"))


def _together(states: list[str]) -> "Text":
    """The combined state of all proxies of a workload."""
    if not states:
        return state("no proxy")
    if len(set(states)) == 1:
        return state(states[0])
    synced = states.count("synced")
    worst = next(word for word in states if word != "synced")
    return state(worst).append(f" ({synced} of {len(states)} synced)")


def resources(items: list[Document]) -> "RenderableType":
    """Objects of clusters."""
    if not items:
        return nothing("resources", "Discovery watches clusters: meshwright connections list")
    rows = [
        {
            "kind": one["kind"],
            "namespace": one.get("namespace"),
            "name": one["name"],
            "group": one.get("group"),
            "connection": one["connection"],
            "owner": f"{one['owner']['kind']}/{one['owner']['name']}" if one.get("owner") else "",
            "age": age(one.get("created_at")),
        }
        for one in items
    ]
    return with_columns(rows, optional=("namespace", "group", "owner"))


def with_columns(
    rows: list[dict[str, Any]], *, optional: tuple[str, ...], right: tuple[str, ...] = ()
) -> "RenderableType":
    """A table of rows, without optional columns that are empty."""
    columns = [name for name in rows[0] if name not in optional or any(row[name] for row in rows)]
    return table(columns, ([row[name] for name in columns] for row in rows), right=right)


def connections(items: list[Document]) -> "RenderableType":
    """Connections."""
    if not items:
        return nothing("connections", "Create one: meshwright connections set NAME --kind envoy-fleet")
    rows = ((c["id"], c["kind"], _labels(c.get("labels")), c.get("description")) for c in items)
    return table(("connection", "kind", "labels", "description"), rows)


def adapters(items: list[Document]) -> "RenderableType":
    """Adapters."""
    if not items:
        return nothing("adapters", "Start one: meshwright-adapter NAME")
    rows = (
        (
            a["id"],
            a.get("version"),
            ", ".join(a.get("meshes") or []),
            len(a.get("operations") or []),
            _supported(a),
            len(a.get("instances") or []),
            a.get("failure"),
        )
        for a in items
    )
    columns = ("adapter", "version", "meshes", "operations", "intents", "live", "failure")
    return table(columns, rows, right=("operations", "intents", "live"))


def adapter(content: Document) -> "RenderableType":
    """An adapter with its operations and its intent matrix."""
    from rich.console import Group
    from rich.text import Text

    live = ", ".join(content.get("instances") or []) or "none"
    head = Text.assemble((content["id"], "bold"), f" {content.get('version', '')}  contract {content.get('contract')}")
    head.append(f"\nmeshes {', '.join(content.get('meshes') or [])}\nlive workers: {live}")
    if content.get("imports"):
        head.append(f"\nimports {', '.join(content['imports'])}")
    if content.get("failure"):
        head.append(f"\n✗ {content['failure']}", "red")
    operations = (
        (f"{o['name']} v{o['version']}", "changes" if o["mutates"] else "reads", o.get("summary"))
        for o in content.get("operations") or []
    )
    return Group(head, Text(), table(("operation", "effect", "summary"), operations), Text(), _matrix(content))


def mesh_intents(content: Document) -> "RenderableType":
    """The intent matrix of a mesh."""
    from rich.console import Group
    from rich.text import Text

    head = Text.assemble((content["mesh"], "bold"), f" {content.get('version') or 'of an unknown version'}")
    features = ", ".join(content.get("features") or [])
    head.append(f"\nfeatures {features}" if features else "")
    return Group(head, Text(), _matrix(content))


def _matrix(content: Document) -> "RenderableType":
    from rich.text import Text

    rows = (
        (
            i["intent"],
            Text("✓ yes", "green") if i["supported"] else Text("✗ no", "red"),
            i.get("since"),
            i.get("because"),
            i.get("instead"),
        )
        for i in content.get("intents") or []
    )
    return table(("intent", "supported", "since", "because", "instead"), rows)


def tokens(items: list[Document]) -> "RenderableType":
    """API tokens."""
    if not items:
        return nothing("tokens", "Create one: meshwright tokens create NAME --role viewer")
    rows = (
        (
            t["id"],
            t["role"],
            t["workspace"],
            output.date(t["created_at"]),
            output.date(t.get("expires_at")) or "never",
            t.get("description"),
        )
        for t in items
    )
    return table(("token", "role", "workspace", "created", "expires", "description"), rows)


def webhooks(items: list[Document]) -> "RenderableType":
    """Webhooks."""
    if not items:
        return nothing("webhooks", "Create one: meshwright webhooks set NAME --url https://…")
    rows = (
        (
            w["id"],
            state("enabled" if w.get("enabled", True) else "disabled"),
            w["url"],
            ", ".join(w.get("types") or []) or "all",
            ", ".join(w.get("entities") or []) or "all",
            w.get("description"),
        )
        for w in items
    )
    return table(("webhook", "state", "url", "types", "entities", "description"), rows)


def deliveries(items: list[Document]) -> "RenderableType":
    """The delivery log of a webhook."""
    if not items:
        return nothing("deliveries", "Send one: meshwright webhooks test WEBHOOK")
    rows = (
        (
            d["event"],
            d["event_type"],
            state(d["state"]),
            d["attempts"],
            d.get("status"),
            output.date(d["attempted_at"]),
            output.date(d.get("next_attempt_at")),
            d.get("detail"),
        )
        for d in items
    )
    columns = ("event", "type", "state", "tries", "status", "tried", "next try", "detail")
    return table(columns, rows, right=("event", "tries", "status"))


def workspaces(items: list[Document]) -> "RenderableType":
    """Workspaces."""
    return table(("workspace", "description"), ((w["id"], w.get("description")) for w in items))


def contexts(items: Iterable[Document]) -> "RenderableType":
    """Contexts; the current one has a star."""
    rows = (
        ("*" if c["current"] else "", c["name"], c["api_url"], c["workspace"] or "(the token's)", c["token"])
        for c in items
    )
    return table(("", "context", "api", "workspace", "token"), rows)


def _supported(adapter: Document) -> str:
    intents = adapter.get("intents") or []
    return f"{sum(bool(one['supported']) for one in intents)}/{len(intents)}"


def _labels(labels: dict[str, str] | None) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted((labels or {}).items()))


def set_aside(items: list[Document]) -> "RenderableType":
    """Messages that could not be projected."""
    if not items:
        return nothing("messages are set aside", "All stored messages are in the views.")
    rows = ((f"{m['stream']}/{m['seq']}", age(m["time"]), m["subject"], m["type"], m["reason"]) for m in items)
    return table(("message", "age", "subject", "type", "why"), rows)
