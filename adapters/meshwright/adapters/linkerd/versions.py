"""Versions of Linkerd: edge releases, the minor version that each belongs to, and what that knows of the Gateway API.

Problem: since 2024 the project publishes only `edge-YY.M.N`, while features, documents and people speak of 2.N; and a
route with a field that a version does not know is ignored as a whole, without a word to whoever wrote it. Invariant:
pure functions; a release belongs to the newest minor version whose edge is not newer than it.
https://linkerd.io/releases.
"""

import re

from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.errors import FieldError

_EDGE = re.compile(r"edge-(\d+)\.(\d+)\.(\d+)")
_NUMBERED = re.compile(r"(?:stable-|enterprise-|version-)?v?(\d+\.\d+(?:\.\d+)?)")
_MINORS = (
    ((24, 2, 4), "2.15"), ((24, 8, 2), "2.16"), ((24, 11, 8), "2.17"),
    ((25, 4, 4), "2.18"), ((25, 10, 7), "2.19"), ((26, 6, 3), "2.20"),
)  # fmt: skip
"""the first edge of each minor version"""
_GATEWAY_API = {
    (2, 15): ("0.7", "1.1"), (2, 16): ("0.7", "1.1"), (2, 17): ("0.7", "1.1"),
    (2, 18): ("1.1.1", "1.2.1"), (2, 19): ("1.1.1", "1.2.1"), (2, 20): ("1.2.1", "1.5.1"),
}  # fmt: skip
"""the oldest and the newest Gateway API that a minor version takes"""
_NEWER_FIELDS = {"name": (1, 2), "retry": None, "sessionPersistence": None}
"""fields of a rule, and the Gateway API since which a Linkerd that takes it knows them; None: none does"""
_NEWER_FILTERS = {"CORS": None, "ExternalAuth": None, "RequestMirror": None, "ExtensionRef": None}
"""the same of filters"""


def level(release: str) -> str:
    """The minor version of a release, as 2.20 of edge-26.6.3; empty where that cannot be known."""
    if edge := _EDGE.search(release):
        date = (int(edge[1]), int(edge[2]), int(edge[3]))
        return next((minor for first, minor in reversed(_MINORS) if first <= date), "")
    numbered = _NUMBERED.fullmatch(release)
    return ".".join(numbered[1].split(".")[:2]) if numbered and int(numbered[1].split(".")[0]) >= 2 else ""


def is_release(tag: str) -> bool:
    """Whether the tag of an image is that of a release."""
    return bool(_EDGE.fullmatch(tag) or _NUMBERED.fullmatch(tag))


def chart_version(release: str) -> str:
    """The version of the charts of an edge, as 2026.6.3 of edge-26.6.3; empty for what is no edge."""
    edge = _EDGE.fullmatch(release)
    return f"20{int(edge[1]):02d}.{int(edge[2])}.{int(edge[3])}" if edge else ""


def gateway_api(minor: str) -> tuple[str, str] | None:
    """The oldest and the newest Gateway API that a minor version takes; None where nobody has said."""
    known = numbers(minor)[:2]
    return _GATEWAY_API.get((known[0], known[1])) if len(known) == 2 else None


def unknown_fields(route: dict[str, object], minor: str) -> list[str]:
    """What in the body of an HTTPRoute or GRPCRoute a minor version does not know, so that it ignores all of it."""
    window = gateway_api(minor)
    newest = numbers(window[1]) if window else ()
    spec = route.get("spec")
    rules = spec.get("rules") if isinstance(spec, dict) else None
    found = []
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        place = f"spec.rules[{index}]"
        for field, since in _NEWER_FIELDS.items():
            if field in rule and (since is None or newest < since):
                found.append(f"{place}.{field}")
        for number, each in enumerate(rule.get("filters") or []):
            if each.get("type") in _NEWER_FILTERS:
                found.append(f"{place}.filters[{number}] ({each['type']})")
    return found


def problems(version: str) -> list[FieldError]:
    """What is wrong with what is to be a release."""
    if is_release(version):
        return []
    return [FieldError(detail=f"{version!r} is no release: one is written like edge-26.6.3", pointer="#/version")]
