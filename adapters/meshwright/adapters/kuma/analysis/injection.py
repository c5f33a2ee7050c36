"""Analysis of injection: marks that the injector does not read."""

from collections.abc import Iterator

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.analysis.registry import NAMESPACE, WORKLOADS, analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import mapping

_VALUES = (*words.INJECTED, "disabled", "false")
_KEY = words.INJECTION.replace("/", "~1")


@analyzers.analyzer("MW3953", reads=(NAMESPACE,))
def marks_are_read(manifests: Manifests) -> Iterator[Observation]:
    """Namespaces, and the pods of workloads."""
    for each in manifests.of(*NAMESPACE):
        yield from _of(each, each.metadata, "#/metadata", "")
    for kind in WORKLOADS:
        for each in manifests.of(*kind):
            place = manifests.get(*NAMESPACE, "", each.ref.namespace)
            outside = place is not None and words.INJECTION not in mapping(place.metadata.get("labels"))
            because = f"the namespace {each.ref.namespace} has no such label" if outside else ""
            template = mapping(mapping(each.spec.get("template")).get("metadata"))
            yield from _of(each, template, "#/spec/template/metadata", because)


def _of(manifest: Manifest, meta: dict[str, object], pointer: str, unread: str) -> Iterator[Observation]:
    labels, annotations = mapping(meta.get("labels")), mapping(meta.get("annotations"))
    value = labels.get(words.INJECTION)
    message = ""
    if value is None and words.INJECTION in annotations:
        message, pointer = (
            f"{words.INJECTION} is an annotation here, and the injector reads a label",
            (f"{pointer}/annotations/{_KEY}"),
        )
    elif value is not None and value not in _VALUES:
        message = f"{words.INJECTION} is {value!r}, and the injector knows {', '.join(_VALUES)}"
        pointer = f"{pointer}/labels/{_KEY}"
    elif value in words.INJECTED and unread:
        message, pointer = f"the injector is not asked: {unread}", f"{pointer}/labels/{_KEY}"
    if message:
        yield Observation(code="MW3953", manifest=manifest, message=message, pointer=pointer)
