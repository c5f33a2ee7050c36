"""Rules for single values of native resources: names, headers, formats, addresses, expressions.

Invariant: each rule returns the problem and its remedy, or nothing; it depends on the value alone.
"""

import ipaddress
import re
from typing import Any

from meshwright.adapters.envoy.admission import allowed, regexes
from meshwright.adapters.envoy.admission.checking import Rule
from meshwright.adapters.envoy.resources import names
from meshwright.core.kit.security import ssrf

_FORMAT = re.compile(r"%(%|(?P<command>[A-Z_]+)(\([^()%]*\))?(:[0-9]+)?%)")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_OWN_CLUSTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_OWN_FILTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


def own_cluster(name: Any) -> str:
    """The name of a cluster that a design may add."""
    if name in names.RESERVED or not _OWN_CLUSTER.match(str(name)):
        return f"a cluster of a design's own cannot be called {name!r:.100}: choose letters, digits, dot and dash"
    return ""


def _cluster(name: Any) -> str:
    return "" if not _mesh_cluster(name) or not own_cluster(name) else _no_cluster(name)


def _mesh_cluster(name: Any) -> str:
    service, divider, version = str(name).partition("|")
    return "" if divider and service and version and "|" not in version else _no_cluster(name)


def _no_cluster(name: Any) -> str:
    return f"{name!r:.100} is not a cluster of this mesh for a route: name one as service|version, as in reviews|v1"


def _app(name: Any) -> str:
    return "" if name == names.APP else f"what comes in goes to the workload itself: the cluster is {names.APP}"


def _inbound(name: Any) -> str:
    return "" if name == names.INBOUND else f"the one virtual host here is {names.INBOUND}: lay it over that one"


def _static(value: Any) -> str:
    return "" if value in ("STATIC", 0) else "only STATIC addresses: a name could resolve to the host itself"


def _public_address(text: Any) -> str:
    try:
        address = ipaddress.ip_address(str(text))
    except ValueError:
        return f"{text!r:.100} is not an IP address: a name could resolve to the host itself"
    if not ssrf.is_public(address):
        return f"{address} is not a public address: enrol what runs there as a workload instead"
    return ""


def _header(value: Any) -> str:
    for name in value if isinstance(value, list) else [value]:
        if str(name).strip().lower().startswith(allowed.PROTECTED_HEADERS):
            return f"the header {name!r:.100} says who called or what was asked for: proxies alone set it"
    return ""


def _format(value: Any) -> str:
    text = str(value)
    for each in _FORMAT.finditer(text):
        command = each["command"]
        if command and command not in allowed.FORMATS:
            return f"%{command}% may not be part of a header: {', '.join(sorted(allowed.FORMATS))} may"
    if "%" in _FORMAT.sub("", text):
        return "a single % begins a command of Envoy, as in %PROTOCOL%; write %% for the sign itself"
    return ""


def _filter_keys(value: Any) -> str:
    return next((words for key in value if (words := _other_than_access(key))), "")


def _other_than_access(name: Any) -> str:
    return f"{names.ACCESS} says who may call whom: use the intents allow and deny-all" if name == names.ACCESS else ""


def _filter_name(name: Any) -> str:
    if name in names.FILTERS or not _OWN_FILTER.match(str(name)):
        return f"a filter of a design's own cannot be called {name!r:.100}; the mesh has {', '.join(names.FILTERS)}"
    return ""


def _statistic(text: Any) -> str:
    return "" if _WORD.match(str(text)) else "one word of letters, digits, dash and underscore, at most 64"


def _websocket(text: Any) -> str:
    return "" if str(text).lower() == "websocket" else "only websocket: other upgrades open a way past the routes"


def _one(value: Any) -> str:
    return "" if len(value) == 1 else "exactly one: what it says is laid over every one that the mesh has"


RULES: dict[str, Rule] = {
    "app": _app,
    "cluster": _cluster,
    "filter-keys": _filter_keys,
    "filter-name": _filter_name,
    "format": _format,
    "header": _header,
    "inbound": _inbound,
    "mesh-cluster": _mesh_cluster,
    "one": _one,
    "public-address": _public_address,
    "regex": regexes.problem,
    "static": _static,
    "statistic": _statistic,
    "websocket": _websocket,
}
