"""What the client gives and takes: objects as the server sent them, and the little of them that everybody needs.

Problem: decoding ten thousand objects whole costs seconds and megabytes, and most readers want a few fields. Invariant:
an item knows its reference, UID and version; its content stays bytes until somebody decodes it, as a dict or as a
Struct of the few fields that count.
"""

import sys
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef

T = TypeVar("T")
Body: TypeAlias = dict[str, Any]


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """What identifies one state of one object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Object(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()


class ListMeta(msgspec.Struct, frozen=True, rename={"more": "continue", "version": "resourceVersion"}):
    """Where a page ends."""

    version: str = ""
    more: str = ""


class Page(msgspec.Struct, frozen=True):
    """A part of a collection."""

    metadata: ListMeta = ListMeta()
    items: list[msgspec.Raw] = []


class Item(msgspec.Struct, frozen=True):
    """One object. `raw` is its JSON, and holds the page or line that it came in: keep what you decode, not this."""

    ref: ResourceRef
    uid: str
    version: str
    raw: msgspec.Raw
    api_version: str = ""

    @property
    def body(self) -> Body:
        """All of it. `apiVersion` and `kind` are there too, which lists of built-in kinds leave out."""
        content: Body = msgspec.json.decode(self.raw)
        return {"apiVersion": self.api_version, "kind": self.ref.kind, **content}

    def decode(self, kind: type[T]) -> T:
        """Those of its fields that a Struct names. Raises msgspec.ValidationError."""
        return msgspec.json.decode(self.raw, type=kind)


class Added(msgspec.Struct, frozen=True):
    """An object that was not known before."""

    item: Item


class Modified(msgspec.Struct, frozen=True):
    """An object in another version."""

    item: Item


class Deleted(msgspec.Struct, frozen=True):
    """An object that is gone."""

    ref: ResourceRef
    uid: str


class Synced(msgspec.Struct, frozen=True):
    """Everything that was there has been told; from here on changes follow. Again after each interruption."""

    version: str


class Interrupted(msgspec.Struct, frozen=True):
    """Nothing can be seen for now; what follows an interruption is whole again at the next Synced."""

    failure: Failure


WatchEvent: TypeAlias = Added | Modified | Deleted | Synced | Interrupted


def item(group: str, kind: str, raw: msgspec.Raw | bytes, api_version: str = "") -> Item:
    """An object as an item."""
    meta = msgspec.json.decode(raw, type=_Object).metadata
    # Thousands of objects are in one namespace: they share its name.
    ref = ResourceRef(group=group, kind=kind, namespace=sys.intern(meta.namespace), name=meta.name)
    raw = raw if isinstance(raw, msgspec.Raw) else msgspec.Raw(raw)
    return Item(ref, meta.uid, meta.resource_version, raw, api_version)


def group_of(api_version: str) -> tuple[str, str]:
    """Group and version of an `apiVersion`."""
    group, _, version = api_version.rpartition("/")
    return group, version


def reference_of(body: Body) -> ResourceRef:
    """The reference of an object."""
    meta = body.get("metadata") or {}
    return ResourceRef(
        group=group_of(str(body.get("apiVersion", "")))[0],
        kind=str(body.get("kind", "")),
        namespace=str(meta.get("namespace") or ""),
        name=str(meta.get("name") or ""),
    )


def marks_of(body: Body, part: Literal["labels", "annotations"]) -> dict[str, str]:
    """The labels or the annotations of an object."""
    return {str(key): str(value) for key, value in (at(body, "metadata", part) or {}).items()}


def labels_of(body: Body) -> dict[str, str]:
    """The labels of an object."""
    return marks_of(body, "labels")


def annotations_of(body: Body) -> dict[str, str]:
    """The annotations of an object."""
    return marks_of(body, "annotations")


def name_of(body: Body) -> str:
    """The name of an object."""
    return str(at(body, "metadata", "name") or "")


def namespace_of(body: Body) -> str:
    """The namespace of an object."""
    return str(at(body, "metadata", "namespace") or "")


def at(body: Any, *path: str) -> Any:
    """What lies at a path of keys; None where anything on the way is missing."""
    for key in path:
        if not isinstance(body, dict):
            return None
        body = body.get(key)
    return body


def selector(labels: dict[str, str] | Iterable[str] | str) -> str:
    """Labels as the server takes them: pairs, expressions, or one text of expressions."""
    if isinstance(labels, str):
        return labels
    if isinstance(labels, dict):
        return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return ",".join(labels)
