"""Meshes and their proxies in readable form, and the meshes of a cluster that adapters detect.

Invariant: the terms are the API's own; problems are listed below the table in the words of the mesh or proxy.
"""

import datetime
from typing import TYPE_CHECKING, Any

from meshwright.schemas import ids
from meshwright.ui_api.cli.render import output
from meshwright.ui_api.cli.render.output import age, table
from meshwright.ui_api.cli.render.views import nothing, state, with_columns

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

Document = dict[str, Any]
_CERTIFICATE_SOON = 3600
"""seconds before its end at which a certificate is shown as expiring"""
_QUOTED, _WORDS = 5, 400
"""proxies whose own words a list shows, and characters of them"""
_TYPES = {
    "Cluster": "clusters",
    "Listener": "listeners",
    "RouteConfiguration": "routes",
    "ClusterLoadAssignment": "endpoints",
    "TypedExtensionConfig": "extensions",
    "Secret": "secrets",
}
"""short names of Envoy's resource types"""


def meshes(items: list[Document]) -> "RenderableType":
    """Meshes."""
    if not items:
        return nothing("meshes", "Install one: meshwright meshes install NAME --connection CONNECTION")
    columns = ("mesh", "kind", "version", "state", "connection", "workloads", "proxies", "seen")
    rows = (
        (
            m["id"],
            m["kind"],
            m.get("version"),
            state(m.get("state", "unknown")),
            m["connection"],
            m.get("workloads", 0),
            m.get("proxies", 0),
            age(m["observed_at"]),
        )
        for m in items
    )
    return table(columns, rows, right=("workloads", "proxies"))


def mesh(content: Document, of_mesh: list[Document] | None = None) -> "RenderableType":
    """A mesh with its conditions and, when given, its proxies."""
    from rich.console import Group
    from rich.text import Text

    head = Text.assemble((content["id"], "bold"), "  ", state(content.get("state", "unknown")))
    head.append(f"  {content['kind']} {content.get('version', '')} on {content['connection']}".rstrip())
    if content.get("revisions"):
        head.append(f" ({content.get('namespace')}/{', '.join(content['revisions'])})")
    if content.get("installer"):
        head.append(f", adopted from {content['installer']}")
    facts = f"trust domain {content.get('trust_domain') or '-'}, {content.get('workloads', 0)} workloads, "
    parts: list[RenderableType] = [
        head,
        Text(f"{facts}{content.get('proxies', 0)} proxies, seen {age(content['observed_at'])} ago"),
    ]
    conditions = content.get("conditions") or []
    if conditions:
        rows = ((c["type"], c["status"], c.get("reason"), c.get("message")) for c in conditions)
        parts += [Text(), table(("condition", "status", "reason", "message"), rows)]
    if of_mesh:
        parts += [Text(), proxies(of_mesh)]
    return Group(*parts)


def proxies(items: list[Document]) -> "RenderableType":
    """Proxies; rejections follow in the proxy's own words."""
    from rich.console import Group
    from rich.text import Text

    if not items:
        return nothing("proxies", "They come with workloads: meshwright workloads enrol -f FILE --mesh MESH")
    certified = any(p.get("certificate") for p in items)  # what a control plane does not know is not called missing
    rows = [
        {
            "proxy": p["name"],
            "namespace": p.get("namespace"),
            "workload": ids.parts(p["workload"])[-1] if p.get("workload") else "-",
            "mode": p.get("mode"),
            "mesh": p["mesh"],
            "config": state(p.get("state", "disconnected")),
            "types": _types(p.get("sync") or []),
            "sent": None if p.get("sync") else p.get("sent"),
            "acked": None if p.get("sync") else p.get("acked"),
            "version": p.get("version") or "-",
            "certificate": expiry(p.get("certificate")) if certified else None,
            "seen": age(p["observed_at"]),
        }
        for p in items
    ]
    parts: list[RenderableType] = [
        with_columns(rows, optional=("namespace", "mode", "types", "sent", "acked", "certificate"))
    ]
    complaining = [each for each in items if each.get("error")]
    for each in complaining[:_QUOTED]:
        words = each["error"] if len(each["error"]) <= _WORDS else f"{each['error'][:_WORDS]}…"
        parts.append(Text.assemble("\n", ("✗ ", "red"), f"{each['name']} says: {words}"))
    if len(complaining) > _QUOTED:
        more = f"\nand {len(complaining) - _QUOTED} more; `meshwright proxies show NAME` has all words of one"
        parts.append(Text(more, "dim"))
    return Group(*parts)


def proxy(content: Document) -> "RenderableType":
    """A proxy with the state of each resource type."""
    from rich.console import Group
    from rich.text import Text

    name = f"{content['namespace']}/{content['name']}" if content.get("namespace") else content["name"]
    head = Text.assemble((name, "bold"), "  ", state(content.get("state", "disconnected")))
    words = (content.get("mode"), content.get("version"), f"of mesh {content['mesh']}")
    head.append(f"  {' '.join(filter(None, words))}")
    facts = [
        f"workload {ids.parts(content['workload'])[-1]}" if content.get("workload") else "",
        f"revision {content['revision']}" if content.get("revision") else "",
        f"served by {content['control_plane']}" if content.get("control_plane") else "",
        f"seen {age(content['observed_at'])} ago",
    ]
    parts: list[RenderableType] = [head, Text(", ".join(filter(None, facts)))]
    if content.get("certificate"):
        parts.append(Text.assemble(f"{content['certificate']['spiffe_id']}: ", expiry(content["certificate"])))
    rows = [
        {
            "type": type_words(each["type"]),
            "state": state(each["state"]),
            "sent": each.get("sent"),
            "acked": each.get("acked"),
            "message": each.get("error"),
        }
        for each in content.get("sync") or []
    ]
    if rows:
        parts += [Text(), with_columns(rows, optional=("sent", "acked", "message"))]
    elif content.get("error"):
        parts.append(Text.assemble(("✗ ", "red"), content["error"]))
    return Group(*parts)


def _types(sync: list[Document]) -> str:
    """The state of a proxy's resource types: those that are not synced by name, the others counted."""
    words = [
        f"{type_words(each['type'])} {each['state'].replace('_', ' ')}" for each in sync if each["state"] != "synced"
    ]
    synced = sum(each["state"] == "synced" for each in sync)
    return ", ".join([*([f"{synced} synced"] if synced else []), *words])


def type_words(name: str) -> str:
    """A type of resources for people."""
    return _TYPES.get(name, name)


def expiry(certificate: Document | None, now: datetime.datetime | None = None) -> "Text":
    """How long a certificate lasts."""
    from rich.text import Text

    end = output.moment(certificate["not_after"]) if certificate else None
    if end is None:
        return Text("none", "dim")
    left = (end - (now or datetime.datetime.now(datetime.UTC))).total_seconds()
    if left <= 0:
        return Text("✗ expired", "red")
    return Text(f"{_ahead(left)} left", "yellow" if left < _CERTIFICATE_SOON else "")


def _ahead(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def detected(connection: str, result: Document) -> "RenderableType":
    """The meshes of a connection, their problems, and the commands that adopt unmanaged ones."""
    from rich.console import Group
    from rich.text import Text

    items = result.get("meshes") or []
    if not items:
        return nothing("meshes", f"Install one: meshwright meshes install NAME --connection {connection}")
    wrong = [
        f"{_place(each)} {condition['type']}: {condition['message']}"
        for each in items
        for condition in each.get("conditions") or []
        if condition["status"] != "True"
    ]
    problems = [each["detail"] for each in result.get("problems") or []]
    words = [Text(each, "yellow") for each in [*wrong, *(result.get("notes") or []), *problems]]
    hints = [Text(f"Adopt {_place(each)}: {_adopting(connection, each)}", "dim") for each in items if not each["mesh"]]
    return Group(with_columns([_row(each) for each in items], optional=("tags", "modes", "mesh")), *words, *hints)


def _row(one: Document) -> dict[str, Any]:
    return {
        "kind": one["kind"],
        "namespace": one.get("namespace"),
        "revision": one.get("revision"),
        "version": one.get("version"),
        "tags": ", ".join(one.get("tags") or []),
        "modes": ", ".join(one.get("modes") or []),
        "health": state(one.get("state", "unknown")),
        "installed by": one.get("installer"),
        "enrolled": len(one.get("enrolled") or []),
        "mesh": one.get("mesh"),
    }


def _place(one: Document) -> str:
    return "/".join(filter(None, (one.get("namespace"), one.get("revision")))) or one["kind"]


def _adopting(connection: str, one: Document) -> str:
    """The command that adopts a mesh."""
    name = one["kind"] if one.get("revision") in (None, "", "default") else f"{one['kind']}-{one['revision']}"
    words = [f"meshwright meshes adopt {name} --connection {connection} --kind {one['kind']}"]
    words += [f"--{key} {one[key]}" for key in ("namespace", "revision") if one.get(key)]
    return " ".join(words)
