"""Validation of kubeconfigs from users.

Problem: a kubeconfig can execute code. Clients run its `exec` commands, read the files that it names and send their
content to its server, and use its proxy. Invariant: only fields that are known to be harmless pass, anywhere in the
document and not only in the context that is used; a dangerous one must be allowed by this server's admin, and every
refusal names its field. Parsing opens no file and starts no process.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from meshwright.core.security import ssrf, yaml_documents
from meshwright.schemas.errors import FieldError
from meshwright.schemas.strict import MOST_ERRORS, escape

MAX_BYTES = 256 * 1024
"""maximum size of a kubeconfig in bytes"""
DANGEROUS = {
    "exec": "it runs a command on the worker's host",
    "auth-provider": "it runs a plugin on the worker's host",
    "certificate-authority": "it reads a file of the worker's host: embed it as certificate-authority-data",
    "client-certificate": "it reads a file of the worker's host: embed it as client-certificate-data",
    "client-key": "it reads a file of the worker's host: embed it as client-key-data",
    "tokenFile": "it reads a file of the worker's host: embed the token",
    "proxy-url": "it sends all requests through another server",
    "insecure-skip-tls-verify": "a man in the middle could impersonate the cluster",
    "as": "it impersonates another user",
    "as-uid": "it impersonates another user",
    "as-groups": "it impersonates another user",
    "as-user-extra": "it impersonates another user",
}
"""dangerous fields of clusters and users, and the reason why each is refused"""
_IGNORED = {"extensions"}
_TOP = {"apiVersion", "kind", "preferences", "clusters", "users", "contexts", "current-context", *_IGNORED}
_FIELDS = {
    "cluster": {"server", "certificate-authority-data", "tls-server-name", "disable-compression", *_IGNORED},
    "user": {"token", "client-certificate-data", "client-key-data", "username", "password", *_IGNORED},
    "context": {"cluster", "user", "namespace", *_IGNORED},
}


class InvalidAllowance(Exception):
    """The setting names something that is not a dangerous field."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How to connect to a cluster: the fields of the kubeconfig's cluster and user, under their own names."""

    context: str
    server: str
    namespace: str
    cluster: dict[str, Any]
    user: dict[str, Any]


def allowance(text: str) -> frozenset[str]:
    """The dangerous fields that an admin allows, from names separated by commas. Raises InvalidAllowance."""
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    if unknown := sorted(names - DANGEROUS.keys()):
        raise InvalidAllowance(
            f"MESHWRIGHT_KUBECONFIG_ALLOW: {', '.join(unknown)} cannot be allowed; it takes {', '.join(DANGEROUS)}"
        )
    return names


def problems(text: str, context: str, allowed: frozenset[str], reachable: ssrf.Policy) -> list[FieldError]:
    """Everything that is refused; pointers are into the document (`#/users/0/user/exec`)."""
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
                FieldError(
                    detail=f"the context {wanted!r} names no cluster and user of this kubeconfig", pointer="#/contexts"
                )
            )
    return complaints


def access(text: str, context: str) -> Access:
    """The cluster and user of a context (empty: the current one), in a kubeconfig without problems.

    Raises ValueError.
    """
    document = _parsed(text)
    chosen = _access(document, context or str(document.get("current-context", "")))
    if chosen is None:
        raise ValueError("the kubeconfig has problems: check `problems` first")
    return chosen


def _parsed(text: str) -> dict[str, Any]:
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise yaml_documents.InvalidYaml(f"more than {MAX_BYTES} bytes")
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
                yield FieldError(detail="must be a unique name", pointer=f"{pointer}/name")
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
