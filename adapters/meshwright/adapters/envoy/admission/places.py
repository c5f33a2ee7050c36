"""The places at which a native resource may be merged, and the rules there.

Problem: the same message is harmless as an addition to the mesh and a vulnerability when merged into one of the mesh's
own resources. Invariant: a resource has at most one place, decided by its type and name; merged into a compiled one it
cannot change anything that makes the mesh secure, and additions are only clusters with public addresses.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from meshwright.adapters.envoy.admission import allowed, values
from meshwright.adapters.envoy.admission.checking import CODE, Allowed, Finding, check
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.xds import protojson
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import NativeResource

_REMEMBERED = 512


class Admitted(NamedTuple):
    """A native resource in protobuf's spelling, or its problems: (JSON pointer, text, code)."""

    body: dict[str, Any]
    problems: tuple[tuple[str, str, str], ...] = ()


def admit(native: NativeResource) -> Admitted:
    """Check a native resource; only one without problems may reach a proxy."""
    text = msgspec.json.encode([native.type, native.name, native.body], order="deterministic")
    return _admit(text)


def problems(native: NativeResource, pointer: str) -> list[FieldError]:
    """The problems of a native resource; `pointer` is its place in its document."""
    return [FieldError(detail=words, pointer=f"{pointer}{at}", code=code) for at, words, code in admit(native).problems]


@functools.lru_cache(maxsize=_REMEMBERED)
def _admit(text: bytes) -> Admitted:
    kind, name, body = msgspec.json.decode(text)
    wanted = _place(kind, name)
    if isinstance(wanted, str):
        at = "/name" if kind in names.NATIVE_TYPES else "/type"
        return Admitted({}, ((at, wanted, CODE),))
    try:
        protojson.encode(kind, {**body, "name": name})
    except protojson.InvalidResource as error:
        return Admitted({}, (("/body", str(error), CODE if "/@type: " in str(error) else ""),))
    plain, findings = check(kind, {**body, "name": name}, wanted)
    if kind == names.ROUTES and name == names.OUTBOUND and not findings:
        findings = list(_leaving(plain))
    return Admitted(plain, tuple((f"/body{each.at}", each.words, CODE) for each in findings))


def _place(kind: str, name: str) -> Allowed | str:
    """What is allowed for a resource of this type and name, or why nothing is."""
    if kind not in names.NATIVE_TYPES:
        return f"a sidecar takes {', '.join(names.NATIVE_TYPES)}; not {kind:.200}"
    if kind == names.CLUSTER:
        if name == names.APP or "|" in name:
            return _with(allowed.CLUSTER_OF_THE_MESH)
        return values.own_cluster(name) or _with(allowed.CLUSTER_BESIDE)
    if name not in (names.INBOUND, names.OUTBOUND):
        kept = "listens" if kind == names.LISTENER else "routes"
        return f"a sidecar {kept} as {names.INBOUND} and {names.OUTBOUND} and nowhere else: lay it over one of them"
    if kind == names.ROUTES and name == names.INBOUND:
        return _with(allowed.INBOUND_ROUTES)
    return _with({})


def _with(more: dict[str, str]) -> Allowed:
    return Allowed({**allowed.MESSAGES, **more}, allowed.EXTENSIONS, values.RULES)


def _leaving(routes: dict[str, Any]) -> Iterator[Finding]:
    """The routes that would lead calls to a service of the mesh out of it, past mutual TLS.

    A host outside is recognised by the dot in its name, which no service has.
    """
    for index, host in enumerate(routes.get("virtual_hosts", [])):
        at = f"/virtual_hosts/{index}"
        if "." in host.get("name", ""):
            for number, domain in enumerate(host.get("domains", [])):
                if "." not in domain:
                    words = f"{domain} may be a service of the mesh: a host outside has a dot in its name"
                    yield Finding(f"{at}/domains/{number}", words)
            continue
        for number, route in enumerate(host.get("routes", [])):
            for cluster in _clusters(route.get("route", {})):
                if "|" not in cluster:
                    words = (
                        f"calls to {host.get('name', '')!r:.70} stay in the mesh, and {cluster} is outside: "
                        "name a virtual host after the host outside, with its dot"
                    )
                    yield Finding(f"{at}/routes/{number}/route", words)


def _clusters(action: dict[str, Any]) -> list[str]:
    weighted = action.get("weighted_clusters", {}).get("clusters", [])
    return [each for each in (action.get("cluster"), *(one.get("name") for one in weighted)) if each]
