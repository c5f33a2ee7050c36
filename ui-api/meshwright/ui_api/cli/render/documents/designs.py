"""Designs, their versions and releases, and what drifted from them.

Invariant: as for `views`; a field that differs is shown with both sides.
"""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output
from meshwright.ui_api.cli.render.output import age, table
from meshwright.ui_api.cli.render.previews import resource_name
from meshwright.ui_api.cli.render.views import Document, nothing, state, with_columns

if TYPE_CHECKING:
    from rich.console import RenderableType


def designs(
    items: list[Document], versions: dict[str, int], applied: list[Document], drifted: list[Document]
) -> "RenderableType":
    """Designs: where they are applied, and whether what is applied is the newest version and stands."""
    if not items:
        return nothing("designs", "Save and apply one: meshwright apply FILE")
    rows = [
        {
            "design": d["id"],
            "version": versions.get(d["id"]) or "",
            "applied on": ", ".join(r["mesh"] for r in applied if r["design"]["id"] == d["id"]),
            "state": state(_standing(d, applied, drifted)),
            "wants": ", ".join(dict.fromkeys(i["intent"] for i in d.get("intents") or [])),
            "resources": len(d.get("resources") or []),
            "workloads": len(d.get("workloads") or []),
            "description": d.get("description"),
        }
        for d in items
    ]
    optional = ("wants", "resources", "workloads", "description")
    return with_columns(rows, optional=optional, right=("version", "resources", "workloads"))


def _standing(design: Document, applied: list[Document], drifted: list[Document]) -> str:
    """`synced`, or how what is applied differs from the newest version."""
    releases = [each for each in applied if each["design"]["id"] == design["id"]]
    if not releases:
        return "not applied"
    if any(each["design"] == design["id"] for each in drifted):
        return "drifted"
    return "synced" if all(each["design"] == design for each in releases) else "different"


def versions(items: list[Document]) -> "RenderableType":
    """The history of a design."""
    rows = (
        (
            v["version"],
            output.date(v["written_at"]),
            v["principal"],
            "deleted" if v.get("design") is None else _counted(v["design"].get("intents") or [], "intent"),
            v.get("reason"),
        )
        for v in items
    )
    return table(("version", "written", "by", "what", "why"), rows, right=("version",))


def _counted(items: list[Any], what: str) -> str:
    return f"{len(items)} {what}{'s' * (len(items) != 1)}"


def releases(items: list[Document]) -> "RenderableType":
    """Releases."""
    if not items:
        return nothing("releases", "Apply a design: meshwright apply FILE --wait")
    rows = [
        {
            "design": r["design"]["id"],
            "revision": r["revision"],
            "mesh": r["mesh"],
            "state": state(r["state"]),
            "applied": output.date(r["applied_at"]),
            "by": r["principal"],
            "resources": len(r.get("inventory") or []),
            "proxies": taken(r.get("proxies")),
            "operation": r["operation"],
            "why": r.get("reason"),
        }
        for r in items
    ]
    return with_columns(rows, optional=("proxies", "why"), right=("revision", "resources"))


def taken(proxies: Document | None) -> str | None:
    """How many proxies have taken what was applied; None where the mesh does not say."""
    if not proxies:
        return None
    counted = f"{proxies.get('taken', 0)} of {proxies.get('sent', 0)}"
    refusing = f", {len(proxies['refusing'])} refuse" if proxies.get("refusing") else ""
    return f"{counted}{refusing}{' (not all were asked)' if proxies.get('unconfirmed') else ''}"


def drift(items: list[Document]) -> "RenderableType":
    """Drifted resources, one a line."""
    if not items:
        return nothing("drift", "Everything is as it was applied.")
    rows = (
        (
            d["design"],
            d["revision"],
            d["mesh"],
            resource["change"] + (f" on {', '.join(resource['proxies'])}" if resource.get("proxies") else ""),
            resource_name(resource["ref"]),
            _fields(resource),
            age(d["detected_at"]),
        )
        for d in items
        for resource in d["resources"]
    )
    return table(("design", "revision", "mesh", "drift", "resource", "fields", "seen"), rows, right=("revision",))


def _fields(resource: Document) -> str:
    """The fields that differ, one a line: what is there, and what is wanted."""
    lines = [
        f"{each['path']}: {output.as_json(each['there'])}, wanted {output.as_json(each['wanted'])}"
        for each in resource.get("fields") or []
    ]
    more = resource.get("more_fields")
    return "\n".join([*lines, *([f"and {more} more"] if more else [])])


def drift_of_design(items: list[Document]) -> "RenderableType":
    """Every resource that drifted with its fields: where, what is wanted, what is there."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = []
    for resource, of in ((resource, each) for each in items for resource in each["resources"]):
        where = f" on {', '.join(resource['proxies'])}" if resource.get("proxies") else ""
        head = Text.assemble((resource_name(resource["ref"]), "bold"), f"  {resource['change']}{where}")
        head.append(f"  (revision {of['revision']} on {of['mesh']}, seen {age(of['detected_at'])} ago)", "dim")
        parts += [*([Text()] if parts else []), head]
        fields = resource.get("fields") or []
        if fields:
            rows = ((each["path"], output.as_json(each["wanted"]), output.as_json(each["there"])) for each in fields)
            parts.append(table(("field", "wanted", "there"), rows))
        if resource.get("more_fields"):
            parts.append(Text(f"and {resource['more_fields']} more fields", "dim"))
    return Group(*parts)
