"""The result of a connection test (the identity used there, and its permissions), and a connection's conditions.

Invariant: verbs on the same resource are on one line; denied ones are separate from allowed ones.
"""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]


def tested(result: Document) -> "RenderableType":
    """The outcome, the problems other than denied permissions, and the permissions."""
    from rich.console import Group
    from rich.text import Text

    mark, style = ("✓", "green") if result["ok"] else ("✗", "red")
    who = result.get("identity") or "unknown to the server"
    server = (result.get("details") or {}).get("server", "")
    head = Text.assemble((f"{mark} ", style), (who, "bold"), f"  {result.get('version') or ''}  {server}".rstrip())
    parts: list[RenderableType] = [head]
    if rows := _rows(result.get("permissions") or []):
        parts += [Text(""), output.table(("may", "verbs", "what", "because"), rows)]
    else:
        parts += [Text(f"  {each['pointer']}: {each['detail']}", "red") for each in result.get("problems") or []]
    return Group(*parts)


def status(document: Document) -> "RenderableType":
    """The conditions of a connection, and how many objects are seen through it."""
    from rich.console import Group
    from rich.text import Text

    rows = [(c["type"], c["status"], c.get("reason"), c.get("message")) for c in document.get("conditions") or []]
    head = Text(f"{document['id']}: {document.get('resources', 0)} objects, as of {document['observed_at']}")
    return Group(head, Text(), output.table(("condition", "status", "reason", "message"), rows))


def _rows(permissions: list[Document]) -> list[tuple[Any, ...]]:
    from rich.text import Text

    verbs: dict[tuple[bool, str, str], list[str]] = {}
    for each in permissions:
        verb, _, what = each["action"].partition(" ")
        verbs.setdefault((each["allowed"], what, each.get("because") or ""), []).append(verb)
    marks = {True: Text("✓ yes", "green"), False: Text("✗ no", "red")}
    return [
        (marks[allowed], ", ".join(several), what, because)
        for (allowed, what, because), several in sorted(verbs.items())
    ]
