"""Kubeconfigs from strangers: what stands in one, and what of it is refused.

Problem: a kubeconfig is a program. Clients run its `exec` commands, read the files that it names and send their
content to its server, and go through its proxy. Invariant: only fields that are known to be harmless pass, anywhere
in the document and not only in the context that is used; a dangerous one needs the word of this server's admin, and
every refusal names its field. Parsing opens no file and starts no process.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from meshwright.core.security import ssrf, yaml_documents
from meshwright.schemas.errors import FieldError
from meshwright.schemas.strict import MOST_ERRORS, escape

LARGEST = 256 * 1024
"""bytes of a kubeconfig"""
DANGEROUS = {
    "exec": "it runs a command on the worker's host",
    "auth-provider": "it runs a plugin on the worker's host",
    "certificate-authority": "it reads a file of the worker's host: embed it as certificate-authority-data",
    "client-certificate": "it reads a file of the worker's host: embed it as client-certificate-data",
    "client-key": "it reads a file of the worker's host: embed it as client-key-data",
    "tokenFile": "it reads a file of the worker's host: give the token itself",
    "proxy-url": "it sends everything through another server",
    "insecure-skip-tls-verify": "anybody on the way could pose as the cluster",
    "as": "it acts as somebody else",
    "as-uid": "it acts as somebody else",
    "as-groups": "it acts as somebody else",
    "as-user-extra": "it acts as somebody else",
}
"""fields of clusters and users, and why each is refused"""
_IGNORED = {"extensions"}
_TOP = {"apiVersion", "kind", "preferences", "clusters", "users", "contexts", "current-context", *_IGNORED}
_FIELDS = {
    "cluster": {"server", "certificate-authority-data", "tls-server-name", "disable-compression", *_IGNORED},
    "user": {"token", "client-certificate-data", "client-key-data", "username", "password", *_IGNORED},
    "context": {"cluster", "user", "namespace", *_IGNORED},
}


class InvalidAllowance(Exception):
    """The setting names something that is no dangerous field."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One way into a cluster. `cluster` and `user` hold the fields of the kubeconfig, by their own names."""

    context: str
    server: str
    namespace: str
    cluster: dict[str, Any]
    user: dict[str, Any]


def allowance(text: str) -> frozenset[str]:
    """The dangerous fields that an admin allows, of names divided by commas. Raises InvalidAllowance."""
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    if unknown := sorted(names - DANGEROUS.keys()):
        raise InvalidAllowance(
            f"MESHWRIGHT_KUBECONFIG_ALLOW: {', '.join(unknown)} cannot be allowed; it takes {', '.join(DANGEROUS)}"
        )
    return names


def problems(text: str, context: str, allowed: frozenset[str], reachable: ssrf.Policy) -> list[FieldError]:
    """Everything that is refused; pointers go into the document (`#/users/0/user/exec`)."""
    try:
        document = _parsed(text)
    except yaml_documents.InvalidYaml as error:
        return [FieldError(detail=f"not an acceptable kubeconfig: {error}")]
    complaints = list(_complaints(document, allowed, reachable))[:MOST_ERRORS]
    if not complaints:
        wanted = context or document.get("current-context")
        if not wanted or _named(document, "context", wanted) is None:
            known = ", ".join(str(entry["name"]) for entry in document["contexts"]) or "none"
            what = f"there is no context {wanted!r}" if wanted else "it has no current-context: name one"
            complaints.append(FieldError(detail=f"{what} (it has: {known})", pointer="#/current-context"))
        elif _access(document, str(wanted)) is None:
            complaints.append(
                FieldError(detail=f"the context {wanted!r} names no cluster and user of it", pointer="#/contexts")
            )
    return complaints


def access(text: str, context: str) -> Access:
    """The way that a context tells (empty: the current one) of a kubeconfig without problems. Raises ValueError."""
    document = _parsed(text)
    chosen = _access(document, context or str(document.get("current-context", "")))
    if chosen is None:
        raise ValueError("the kubeconfig has problems: ask for these first")
    return chosen


def _parsed(text: str) -> dict[str, Any]:
    if len(text.encode(errors="replace")) > LARGEST:
        raise yaml_documents.InvalidYaml(f"more than {LARGEST} bytes")
    document = yaml_documents.load(text.encode(errors="replace"))
    if not isinstance(document, dict):
        raise yaml_documents.InvalidYaml("not a mapping")
    return document


def _access(document: dict[str, Any], context: str) -> Access | None:
    chosen = _named(document, "context", context)
    if chosen is None:
        return None
    cluster, user = _named(document, "cluster", chosen.get("cluster")), _named(document, "user", chosen.get("user"))
    if cluster is None or user is None:
        return None
    return Access(
        context=context,
        server=str(cluster.get("server", "")),
        namespace=str(chosen.get("namespace") or "default"),
        cluster=cluster,
        user=user,
    )


def _named(document: dict[str, Any], part: str, name: Any) -> dict[str, Any] | None:
    entries = document.get(f"{part}s") or []
    return next((entry[part] for entry in entries if entry.get("name") == name), None)


def _complaints(document: dict[str, Any], allowed: frozenset[str], reachable: ssrf.Policy) -> Iterator[FieldError]:
    for key in document:
        if key not in _TOP:
            yield FieldError(detail="unknown field", pointer=f"#/{escape(str(key)[:256])}")
    for part in _FIELDS:
        entries = document.get(f"{part}s")
        if not isinstance(entries, list):
            yield FieldError(detail="must be a list", pointer=f"#/{part}s")
            continue
        names: set[Any] = set()
        for index, entry in enumerate(entries):
            pointer = f"#/{part}s/{index}"
            if not (isinstance(entry, dict) and entry.keys() == {"name", part} and isinstance(entry[part], dict)):
                yield FieldError(detail=f"must have a name and a {part}, and nothing else", pointer=pointer)
            elif not isinstance(entry["name"], str) or entry["name"] in names:
                yield FieldError(detail="must be a name of its own", pointer=f"{pointer}/name")
            else:
                names.add(entry["name"])
                yield from _fields(part, entry[part], f"{pointer}/{part}", allowed, reachable)


def _fields(
    part: str, fields: dict[str, Any], pointer: str, allowed: frozenset[str], reachable: ssrf.Policy
) -> Iterator[FieldError]:
    for key, value in fields.items():
        place = f"{pointer}/{escape(str(key)[:256])}"
        if key in DANGEROUS and part != "context":
            if key not in allowed and value is not False:
                yield FieldError(detail=f"{key} is refused: {DANGEROUS[key]}", pointer=place, code="dangerous")
        elif key not in _FIELDS[part]:
            yield FieldError(detail="unknown field", pointer=place)
        elif key not in (*_IGNORED, "disable-compression") and not isinstance(value, str):
            yield FieldError(detail="must be text", pointer=place)
    if part == "cluster":
        try:
            ssrf.parse(str(fields.get("server", "")), reachable)
            if "proxy-url" in allowed and "proxy-url" in fields:
                ssrf.parse(str(fields["proxy-url"]), reachable)
        except ssrf.Forbidden as error:
            yield FieldError(detail=str(error), pointer=f"{pointer}/server")
