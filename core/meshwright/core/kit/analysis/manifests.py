"""Manifests: Kubernetes resources with the place where they were written, looked up by kind, name and label.

Invariant: a resource of a file stands for the one of the same reference in the cluster; what cannot be read is
reported with its file and line, and the rest is analyzed all the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from meshwright.core.security import yaml_documents
from meshwright.schemas.findings import FindingLocation, SourceFile
from meshwright.schemas.references import ResourceRef

CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "ValidatingWebhookConfiguration",
}
DESIGN = ResourceRef(group="meshwright.dev", kind="Design", name="")
"""what refers to a document of ours among resources; without its name"""
_DEFAULT_NAMESPACE = "default"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One resource. `lines` are those of a file by JSON pointer; empty for a resource of a cluster."""

    ref: ResourceRef
    body: dict[str, Any]
    file: str = ""
    lines: Mapping[str, int] = {}

    @property
    def spec(self) -> dict[str, Any]:
        """The specification; empty when it has none."""
        return mapping(self.body.get("spec"))

    @property
    def metadata(self) -> dict[str, Any]:
        """Name, namespace, labels, annotations."""
        return mapping(self.body.get("metadata"))

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return mapping(self.metadata.get("labels"))

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return mapping(self.metadata.get("annotations"))

    def at(self, pointer: str = "#") -> FindingLocation:
        """A place in it; the line is that of the nearest value that is written down."""
        place = pointer
        while place not in self.lines and "/" in place:
            place = place.rpartition("/")[0]
        return FindingLocation(ref=self.ref, pointer=pointer, file=self.file, line=self.lines.get(place, 0))


class Manifests:
    """An index of resources."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        """Of two with the same reference the later one counts."""
        self._by_ref = {each.ref: each for each in manifests}
        self._by_kind: dict[tuple[str, str], list[Manifest]] = {}
        for each in self._by_ref.values():
            self._by_kind.setdefault((each.ref.group, each.ref.kind), []).append(each)

    def __iter__(self) -> Iterator[Manifest]:
        return iter(self._by_ref.values())

    def __len__(self) -> int:
        return len(self._by_ref)

    def of(self, group: str, kind: str, namespace: str | None = None) -> list[Manifest]:
        """All of a kind, those of one namespace only if given."""
        manifests = self._by_kind.get((group, kind), [])
        return [each for each in manifests if namespace is None or each.ref.namespace == namespace]

    def get(self, group: str, kind: str, namespace: str, name: str) -> Manifest | None:
        """One resource; None when it is not there."""
        return self._by_ref.get(ResourceRef(group=group, kind=kind, namespace=namespace, name=name))

    def selected(
        self, kind: str, namespace: str | None, selector: Mapping[str, str], group: str = ""
    ) -> list[Manifest]:
        """Those of a kind whose labels have all of the selector's; an empty selector selects all."""
        wanted = selector.items()
        return [each for each in self.of(group, kind, namespace) if wanted <= each.labels.items()]


def read_files(
    files: Iterable[SourceFile], namespace: str = _DEFAULT_NAMESPACE, *, designs: bool = False
) -> tuple[list[Manifest], list[tuple[FindingLocation, str]]]:
    """The resources in files, and what could not be read: where, and why.

    `namespace` is of those that name none. A document with intents is a design, if `designs` are wanted.
    """
    manifests: list[Manifest] = []
    unreadable: list[tuple[FindingLocation, str]] = []
    for file in files:
        try:
            documents = yaml_documents.load_all(file.content.encode())
        except yaml_documents.InvalidYaml as error:
            unreadable.append((FindingLocation(file=file.name, line=_line_in(str(error))), str(error)))
            continue
        for document in documents:
            for content, prefix in _items(document.content):
                try:
                    if designs and _is_design(content):
                        ref = msgspec.structs.replace(DESIGN, name=content["id"])
                        manifests.append(Manifest(ref=ref, body=content, file=file.name, lines=document.lines))
                    else:
                        manifests.append(_manifest(content, file.name, document.lines, prefix, namespace))
                except ValueError as error:
                    line = document.lines.get(prefix or "#", 0)
                    unreadable.append((FindingLocation(file=file.name, line=line), str(error)))
    return manifests, unreadable


def from_object(body: dict[str, Any]) -> Manifest:
    """A resource as an API server gives it. Raises ValueError when it has no kind or name."""
    return _manifest(body, "", {}, "")


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one: what people write may have any shape."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def _items(content: Any) -> Iterator[tuple[Any, str]]:
    """The resources of a document: one, or those of a `List`, each with the pointer to it."""
    if isinstance(content, dict) and str(content.get("kind", "")).endswith("List") and "items" in content:
        for index, item in enumerate(items(content["items"])):
            yield item, f"#/items/{index}"
    else:
        yield content, ""


def _is_design(content: Any) -> bool:
    return isinstance(content, dict) and "intents" in content and isinstance(content.get("id"), str)


def _manifest(
    content: Any, file: str, lines: Mapping[str, int], prefix: str, default: str = _DEFAULT_NAMESPACE
) -> Manifest:
    if not isinstance(content, dict):
        raise ValueError("a document is no mapping")
    kind, version = content.get("kind"), content.get("apiVersion")
    metadata = mapping(content.get("metadata"))
    name = metadata.get("name")
    if not (isinstance(kind, str) and kind and isinstance(version, str) and version):
        raise ValueError("a resource needs apiVersion and kind")
    if not (isinstance(name, str) and name):
        raise ValueError(f"a {kind} needs metadata.name")
    group = version.rpartition("/")[0]
    namespace = "" if kind in CLUSTER_SCOPED else str(metadata.get("namespace") or default)
    if prefix:
        lines = {f"#{at.removeprefix(prefix)}": line for at, line in lines.items() if at.startswith(prefix)}
    ref = ResourceRef(group=group, kind=kind, namespace=namespace, name=name)
    return Manifest(ref=ref, body=content, file=file, lines=lines)


def _line_in(text: str) -> int:
    """The line that a YAML error names."""
    _, _, rest = text.rpartition("line ")
    number = rest.partition(",")[0]
    return int(number) if number.isdecimal() else 0
