"""The rules for settings of a connection, checked by the API and again where they are used.

Problem: a URL or a kubeconfig makes a worker connect somewhere. Invariant: settings that pass fit the schema of their
kind, connect to nothing that this server's admin has not allowed, and run no program.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from meshwright.core.security import connection_secrets, json_schemas, kubeconfig, ssrf
from meshwright.schemas import connections, strict
from meshwright.schemas.documents import jsonschema
from meshwright.schemas.errors import FieldError

PORTS = ssrf.PORTS | {5681, 5682, 6443, 8500, 8501, 9090, 9443, 16443}
"""default ports of the servers of connections: Kuma, Kubernetes, Consul, Prometheus"""
_UNKNOWN = "unknown"
"""placeholder for a stored credential whose value is not known here"""
_NOWHERE = ("", None)
SCHEMAS: dict[str, dict[str, Any]] = {
    kind: jsonschema.schema(settings) for kind, settings in connections.SETTINGS_TYPES.items()
}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What this server's admin allows: the destinations of connections, and dangerous fields of kubeconfigs."""

    reachable: ssrf.Policy = ssrf.Policy(ports=PORTS)
    kubeconfig: frozenset[str] = frozenset()


def rules(connection_allow: str, kubeconfig_allow: str) -> Rules:
    """The rules of two settings. Raises InvalidPolicy, InvalidAllowance."""
    return Rules(reachable=ssrf.policy(connection_allow, PORTS), kubeconfig=kubeconfig.allowance(kubeconfig_allow))


def problems(
    kind: str, settings: dict[str, Any], schema: dict[str, Any], rules: Rules, *, kept: Collection[str] = ()
) -> list[FieldError]:
    """What is wrong with settings, credentials and all; pointers are from the settings (`#/url`).

    `kept` are the places of credentials that are set and not known here. Raises InvalidSchema.
    """
    if kept:
        whole = connection_secrets.merge(settings, dict.fromkeys(kept, _UNKNOWN))
        errors = problems(kind, whole, schema, rules)
        return [one for one in errors if not any(_is_below(one.pointer, place) for place in kept)]
    known = connections.SETTINGS_TYPES.get(kind)
    if known is None:
        errors = json_schemas.problems(settings, schema)
    else:
        try:
            errors = strict.decode(settings, known).problems()
        except strict.InvalidDocument as error:
            errors = error.errors
    return errors or [*_urls(settings, schema, rules), *_kubeconfig(kind, settings, rules)]


def urls(settings: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The URLs in settings, by pointer: the destinations of this connection's credentials and requests."""
    return {pointer: _at(settings, pointer) for pointer in json_schemas.marked(settings, schema, "format", "uri")}


def _urls(settings: dict[str, Any], schema: dict[str, Any], rules: Rules) -> list[FieldError]:
    errors = []
    for pointer, url in urls(settings, schema).items():
        try:
            if url not in _NOWHERE:
                ssrf.parse(str(url), rules.reachable)
        except ssrf.Forbidden as error:
            errors.append(
                FieldError(detail=f"the URL is refused: {error}", pointer=f"#{pointer}", code="forbidden-url")
            )
    return errors


def _kubeconfig(kind: str, settings: dict[str, Any], rules: Rules) -> list[FieldError]:
    text = settings.get("kubeconfig", "")
    if kind != connections.Kubernetes.kind or text in ("", _UNKNOWN):
        return []
    errors = kubeconfig.problems(text, settings.get("context", ""), rules.kubeconfig, rules.reachable)
    return [msgspec.structs.replace(one, pointer=f"#/kubeconfig{one.pointer[1:]}") for one in errors]


def _is_below(pointer: str, place: str) -> bool:
    return f"{pointer}/".startswith(f"#{place}/")


def _at(settings: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        settings = settings[int(key)] if isinstance(settings, list) else settings[key]
    return settings
