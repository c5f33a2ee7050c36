"""How Linkerd writes durations, headers and names, and what it cannot write.

Invariant: a value is the one that was asked for, to the last digit, or `CannotExpress` is raised with the reason.
"""

import re
from typing import Any

from meshwright.core.kit.lifecycle import expressing
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import HeaderMatch, Resource
from meshwright.schemas.references import ResourceRef

Json = dict[str, Any]
_NOT_IN_RUST = re.compile(r"\\[QEC]")
"""of RE2's syntax, what the regular expressions of Linkerd's proxy have not"""
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")


def resource(api_version: str, kind: str, namespace: str, name: str, **content: Any) -> Resource:
    """An object of Kubernetes."""
    if len(name) > 253:
        raise CannotExpress(f"the name {name} is longer than Kubernetes takes", "give the design a shorter name")
    group = api_version.rpartition("/")[0]
    body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **content}
    return Resource(ref=ResourceRef(group=group, kind=kind, namespace=namespace, name=name), body=body)


def annotated(kind: str, group: str, namespace: str, name: str, annotations: dict[str, str]) -> Resource:
    """Annotations of an object that somebody else has made: nothing else of it is ours."""
    metadata = {"name": name, "namespace": namespace, "annotations": dict(sorted(annotations.items()))}
    body = {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": metadata}
    return Resource(ref=ResourceRef(group=group, kind=kind, namespace=namespace, name=name), body=body)


def milliseconds(text: str) -> int:
    """A duration, which Linkerd counts in whole milliseconds."""
    return expressing.milliseconds(text, "Linkerd")


def duration(text: str) -> str:
    """A duration as Linkerd's annotations have it: a whole number and a unit."""
    count = milliseconds(text)
    return f"{count // 1000}s" if count % 1000 == 0 else f"{count}ms"


def header(match: HeaderMatch) -> Json:
    """One comparison of a header in a route; what a regular expression says is said of the whole value."""
    named: Json = {"name": match.name}
    if match.exact is not None:
        if not match.exact:
            raise CannotExpress("routes do not compare a header with the empty text", "match it by a regex")
        return {**named, "type": "Exact", "value": match.exact}
    if match.prefix is not None:
        begins = _SPECIAL.sub(lambda special: "\\" + special[0], match.prefix)
        return {**named, "type": "RegularExpression", "value": f"^{begins}.*$"}
    expression = match.regex or ""
    if not expression:
        raise CannotExpress("routes take no empty regular expression")
    if _NOT_IN_RUST.search(expression):
        raise CannotExpress(
            f"the regular expressions of Linkerd's proxy have no \\Q, \\E and \\C, and {expression} has",
            "write the characters themselves",
        )
    return {**named, "type": "RegularExpression", "value": f"^(?:{expression})$"}
