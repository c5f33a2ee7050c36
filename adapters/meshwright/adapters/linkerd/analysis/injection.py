"""Analysis of injection: marks that the injector does not read."""

from collections.abc import Iterator

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.analysis.registry import NAMESPACE, WORKLOADS, analyzers
from meshwright.core.kit.analysis import Manifests, Observation
from meshwright.core.kit.analysis.manifests import mapping

_VALUES = (*words.INJECTED, "disabled")


@analyzers.analyzer("MW3807")
def marks_are_read(manifests: Manifests) -> Iterator[Observation]:
    """Namespaces, and the pods of workloads."""
    for kind in (NAMESPACE, *WORKLOADS):
        for each in manifests.of(*kind):
            meta, pointer = each.metadata, "#/metadata"
            if kind != NAMESPACE:
                meta, pointer = mapping(mapping(each.spec.get("template")).get("metadata")), "#/spec/template/metadata"
            labels, annotations = mapping(meta.get("labels")), mapping(meta.get("annotations"))
            key = words.INJECT.replace("/", "~1")
            value = annotations.get(words.INJECT)
            if words.INJECT in labels and value is None:
                message = f"{words.INJECT} is a label here, and the injector reads an annotation"
                yield Observation(code="MW3807", manifest=each, message=message, pointer=f"{pointer}/labels/{key}")
            elif value is not None and value not in _VALUES:
                message = f"{words.INJECT} is {value!r}, and the injector knows {', '.join(_VALUES)}"
                yield Observation(code="MW3807", manifest=each, message=message, pointer=f"{pointer}/annotations/{key}")
