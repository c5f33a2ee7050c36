"""Names: of fields in documents, and of resources that do not exist: what was perhaps meant.

Invariant: a refusal says more, or what it said; asking for the names takes a second at most.
"""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from meshwright.schemas import ids
from meshwright.ui_api.cli import suggestions
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.exits import CommandFailed, NotMeshwright, RequestRefused, Unreachable

if TYPE_CHECKING:
    from meshwright.ui_api.cli.client.api import Api
    from meshwright.ui_api.cli.client.contexts import Target

_NAMED = (
    paths.CONNECTIONS,
    paths.MESHES,
    paths.WORKLOADS,
    paths.PROXIES,
    paths.DESIGNS,
    paths.ADAPTERS,
    paths.WEBHOOKS,
    paths.TOKENS,
    paths.WORKSPACES,
)
_NUMBERED = (paths.OPERATIONS, paths.DEADLETTERS, paths.RELEASES)
"""whose ids nobody misspells by a letter"""
_WHOLE = (paths.TOKENS, paths.WORKSPACES)
"""lists that are not paged"""
_MOST = 500


def full_name(entity: dict[str, Any]) -> str:
    """The name of a document: its name or `namespace/name`, or else its id."""
    name = str(entity.get("name") or entity["id"])
    return f"{entity['namespace']}/{name}" if entity.get("namespace") else name


def field(document: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for part in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def stranger(failure: CommandFailed, target: "Target") -> str:
    """What to do where no stack and no context was found, so that the default address was tried; else empty."""
    refused = isinstance(failure, Unreachable | NotMeshwright) or getattr(failure, "slug", "") == "unauthenticated"
    if not refused or target.token or not target.is_default:
        return ""
    return (
        "There is no stack in this folder or above it, and no context is in use. Go to the folder where `make up` ran, "
        "or add the server: meshwright context add NAME --api-url URL --token-file FILE"
    )


def meant(refused: RequestRefused, open_api: "Callable[[], Api]") -> str:
    """What to do about a resource that was not found; empty when nothing better is known."""
    asked = str(refused.problem.get("instance"))
    place = next((each for each in (*_NAMED, *_NUMBERED) if asked.startswith(f"{each}/")), "")
    if refused.slug != "not-found" or not place or "did you mean" in refused.remedy.lower():
        return ""
    rest = asked.removeprefix(f"{place}/")
    name = unquote(rest.partition("/")[0].partition(":")[0])
    what = place.rpartition("/")[2]
    if place in _NUMBERED:
        return f"`meshwright {what} list` shows them."
    with contextlib.suppress(CommandFailed):
        api = open_api()
        entities = api.whole(place) if place in _WHOLE else api.list(place, limit=_MOST)[0]
        names = [str(one.get("name") or one["id"]) for one in entities]
        if not names:
            return f"There are no {what}."
        if name in names or any(one["id"] == name for one in entities):
            return ""  # something else of it is missing
        return suggestions.did_you_mean(ids.parts(name)[-1] if ids.SEPARATOR in name else name, names)
    return ""
