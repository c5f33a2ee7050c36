"""Label selectors in the syntax of kubectl: `env=prod,tier in (a,b),!canary`.

Invariant: a selector that is not understood is refused; an empty one selects everything.
"""

import re
from collections.abc import Callable, Mapping

from meshwright.ui_api.cli.exits import CommandFailed, Exit

_PARTS = re.compile(r",(?![^()]*\))")
_PART = re.compile(r"(!?)\s*([\w./-]+)(?:\s*(==|!=|=|\s+in\s+|\s+notin\s+)\s*(\([^()]*\)|[\w.-]*))?")
Labels = Mapping[str, str]


def selector(text: str) -> Callable[[Labels], bool]:
    """Whether labels are selected. Raises CommandFailed."""
    parts = [_part(part.strip()) for part in _PARTS.split(text)] if text.strip() else []
    return lambda labels: all(part(labels) for part in parts)


def _part(text: str) -> Callable[[Labels], bool]:
    match = _PART.fullmatch(text)
    if match is None or (match[1] and match[3]) or _is_set(match[3]) != (match[4] or "").startswith("("):
        raise CommandFailed(
            f"{text!r} is not a label selector", code=Exit.USAGE, remedy="As in env=prod,tier in (a,b)."
        )
    negated, key, operator, value = match[1], match[2], (match[3] or "").strip(), match[4] or ""
    if not operator:
        return lambda labels: (key in labels) != bool(negated)
    values = {each.strip() for each in value.strip("()").split(",")}
    if operator in ("!=", "notin"):
        return lambda labels: labels.get(key) not in values
    return lambda labels: key in labels and labels[key] in values


def _is_set(operator: str | None) -> bool:
    return operator is not None and operator.strip() in ("in", "notin")
