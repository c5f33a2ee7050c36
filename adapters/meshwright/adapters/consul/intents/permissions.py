"""Who may call whom: service-intentions.

Problem: what no permission speaks of falls back to the default of the cluster, which may be to allow; and the proxies
of older Consuls compare paths as they are written, so `/open/../secret` begins with `/open`. Invariant: every source
that is named ends with a permission that denies, and a path that would mean another one when it is resolved is denied
before any is allowed.
"""

from collections.abc import Sequence

from meshwright.adapters.consul.intents import values
from meshwright.adapters.consul.intents.values import Json
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import Allow, Resource

EVERYONE = "*"
UNRESOLVED = r".*(//|/\.{1,2}(/|$)|\\|%2[eEfF]|%5[cC]).*"
"""paths that a server may take for others: https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2"""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


def deny_all(service: str | None) -> Resource:
    """Nobody may call a service, or any."""
    return values.resource("service-intentions", service or EVERYONE, {"Sources": [_nobody_else()]})


def allows(service: str, intents: Sequence[Allow]) -> Resource:
    """Who of a design may call a service, and nobody else. Raises CannotExpress."""
    sources = [_source(name, [each for each in intents if each.source == name]) for name in _names(intents)]
    return values.resource("service-intentions", service, {"Sources": [_nobody_else(), *sources]})


def needs_requests(intents: Sequence[Allow]) -> bool:
    """Whether these speak of methods or paths, which only proxies that see requests know."""
    return any(each.methods or each.path_prefixes for each in intents)


def _names(intents: Sequence[Allow]) -> list[str]:
    return sorted({each.source for each in intents})


def _nobody_else() -> Json:
    return {"Name": EVERYONE, "Action": "deny"}


def _source(name: str, intents: Sequence[Allow]) -> Json:
    if any(not (each.methods or each.path_prefixes) for each in intents):
        return {"Name": name, "Action": "allow"}
    permissions: list[Json] = []
    if any(each.path_prefixes for each in intents):
        permissions.append({"Action": "deny", "HTTP": {"PathRegex": UNRESOLVED}})
    for each in intents:
        for prefix in each.path_prefixes or ["/"]:
            permissions.append({"Action": "allow", "HTTP": {"PathPrefix": prefix, **_methods(each)}})
    return {"Name": name, "Permissions": [*permissions, {"Action": "deny", "HTTP": {"PathPrefix": "/"}}]}


def _methods(allow: Allow) -> Json:
    unknown = sorted(set(allow.methods) - _METHODS)
    if unknown:
        raise CannotExpress(f"Consul knows no method {', '.join(unknown)}", f"it knows {', '.join(sorted(_METHODS))}")
    return {"Methods": list(dict.fromkeys(allow.methods))} if allow.methods else {}
