"""Analysis of injection: marks at which the injector does not look."""

from collections.abc import Iterator

from meshwright.adapters.consul.analysis.registry import NAMESPACE, WORKLOADS, analyzers
from meshwright.adapters.consul.cluster.words import INJECT
from meshwright.core.kit.analysis import Manifests, Observation
from meshwright.core.kit.analysis.manifests import mapping

_KEY = INJECT.replace("~", "~0").replace("/", "~1")


@analyzers.analyzer("MW3909")
def injection_is_asked_of_pods(manifests: Manifests) -> Iterator[Observation]:
    """The mark as a label, or where no pod has it."""
    for kind in (NAMESPACE, *WORKLOADS):
        for each in manifests.of(*kind):
            meta = mapping(each.body.get("metadata"))
            pods = mapping(mapping(each.spec.get("template")).get("metadata"))
            asked = INJECT in mapping(pods.get("annotations"))
            places = [(meta, "labels", "#/metadata"), (pods, "labels", "#/spec/template/metadata")]
            places += [] if asked else [(meta, "annotations", "#/metadata")]
            for marks, part, pointer in places:
                if INJECT in mapping(marks.get(part)):
                    message = f"it is among the {part} of {pointer.removeprefix('#/').replace('/', '.')}"
                    yield Observation(code="MW3909", manifest=each, message=message, pointer=f"{pointer}/{part}/{_KEY}")
