"""A proxy with what it tells of itself.

Invariant: what was sent to it and what it holds stand apart; where it could not be asked, the reason stands there.
"""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import meshes
from meshwright.ui_api.cli.render.output import age
from meshwright.ui_api.cli.render.views import with_columns

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]


def proxy(content: Document, account: Document | None, because: str) -> "RenderableType":
    """A proxy as its control plane knows it, and as it tells itself; `because` says why it does not."""
    from rich.console import Group
    from rich.text import Text

    known = meshes.proxy(content)
    if account is None:
        return Group(known, Text(), Text(f"What it holds itself is not known: {because}", "dim"))
    parts: list[RenderableType] = [known]
    certificates = [
        {
            "certificate": each["role"],
            "identity": ", ".join(each.get("names") or []) or each.get("subject"),
            "issuer": each.get("issuer"),
            "ends": meshes.expiry(each if each.get("not_after") else None),
            "serial": each.get("serial"),
        }
        for each in account.get("certificates") or []
    ]
    resources = [
        {
            "holds": meshes.type_words(each["type"]),
            "count": each["count"],
            "version": each.get("version"),
            "updated": age(each["updated_at"]) if each.get("updated_at") else None,
            "refuses": "; ".join(each.get("problems") or []),
        }
        for each in account.get("resources") or []
    ]
    if certificates:
        parts += [Text(), with_columns(certificates, optional=("issuer", "serial"))]
    if resources:
        parts += [Text(), with_columns(resources, optional=("version", "updated", "refuses"), right=("count",))]
    return Group(*parts)
