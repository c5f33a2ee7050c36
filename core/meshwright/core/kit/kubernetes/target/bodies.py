"""Objects as people read and compare them, and as they are sent.

Invariant: what the server adds for its own bookkeeping is no difference; what a Secret holds is never shown, and two
different contents are still told apart.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Any

from meshwright.core.kit.kubernetes.objects import Body, at

_NOISE = (
    "managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink", "deletionTimestamp",
    "deletionGracePeriodSeconds",
)  # fmt: skip
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEY = secrets.token_bytes(32)
"""of this process: a digest that anybody could compute would give short secrets away"""


def _without_allocated(body: Body) -> Body:
    """A Service without the addresses that the server gave it, which each dry run would give anew."""
    spec = body.get("spec")
    if body.get("kind") != "Service" or body.get("apiVersion") != "v1" or not isinstance(spec, dict):
        return body
    if spec.get("clusterIP") in (None, "None"):
        return body
    return {**body, "spec": {key: value for key, value in spec.items() if key not in ("clusterIP", "clusterIPs")}}


def sent(body: Body) -> Body:
    """An object without what only the server writes."""
    kept = {key: value for key, value in body.items() if key != "status"}
    meta = {key: value for key, value in (body.get("metadata") or {}).items() if key not in _NOISE}
    annotations = {key: value for key, value in (meta.get("annotations") or {}).items() if key != LAST_APPLIED}
    meta.pop("annotations", None)
    return {**kept, "metadata": {**meta, **({"annotations": annotations} if annotations else {})}}


def shown(body: Body) -> Body:
    """An object for people: in the usual order, without noise, with no secret in it."""
    content = _without_allocated(sent(encoded(body)))
    first = ("apiVersion", "kind", "metadata")
    ordered: Body = {key: content.pop(key) for key in first if key in content}
    return redacted({**ordered, **dict(sorted(content.items()))})


def redacted(body: Body) -> Body:
    """A Secret with marks in the place of its contents; every other object as it is."""
    if not _is_secret(body) or not isinstance(body.get("data"), dict):
        return body
    return {**body, "data": {key: _mark(value) for key, value in body["data"].items()}}


def _is_secret(body: Body) -> bool:
    return body.get("kind") == "Secret" and body.get("apiVersion") == "v1"


def _mark(value: Any) -> str:
    digest = hmac.new(_KEY, str(value).encode(), hashlib.sha256).hexdigest()[:8]
    return f"(redacted, {digest})"


def encoded(body: Body) -> Body:
    """A Secret as the server keeps it: nobody would own what is sent as `stringData`."""
    if not _is_secret(body) or not isinstance(body.get("stringData"), dict):
        return body
    data = {key: base64.b64encode(str(value).encode()).decode() for key, value in body["stringData"].items()}
    rest = {key: value for key, value in body.items() if key != "stringData"}
    return {**rest, "data": {**(body.get("data") or {}), **data}}


def identity(body: Body) -> Body:
    """The least that names an object."""
    meta = {key: at(body, "metadata", key) for key in ("name", "namespace") if at(body, "metadata", key)}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": meta}


def with_metadata(body: Body, part: str, key: str, value: str) -> Body:
    """An object with one more label or annotation, unless it says something else there."""
    meta = dict(body.get("metadata") or {})
    meta[part] = {key: value, **(meta.get(part) or {})}
    return {**body, "metadata": meta}
