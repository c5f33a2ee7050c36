"""Custom resources in files against the schemas of their kinds.

Invariant: a definition among the resources counts before one of the mesh, as it would once it is applied; a kind whose
definition is not known is not judged.
"""

from collections.abc import Iterator

from meshwright.core.kit import structural
from meshwright.core.kit.analysis.manifests import Manifest, Manifests
from meshwright.core.kit.analysis.observations import Observation
from meshwright.schemas.rules.general import INVALID, UNKNOWN_FIELD, UNUSABLE

_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


def observe(manifests: Manifests, served: structural.Definitions) -> Iterator[Observation]:
    """What breaks the schemas; `served` are the definitions that the mesh has."""
    brought: list[structural.Definition] = []
    for each in manifests.of(*_DEFINITION):
        if not each.file:
            continue
        try:
            brought.append(structural.definition(each.body))
        except structural.InvalidDefinition as error:
            yield Observation(
                code=UNUSABLE.code, manifest=each, message=f"it is no definition: {error}", pointer="#/spec"
            )
    own = structural.Definitions(brought)
    for manifest in manifests:
        if manifest.file:  # what a cluster has it has accepted
            group, kind = manifest.ref.group, manifest.ref.kind
            definition = own.get(group, kind) or served.get(group, kind)
            if definition is not None:
                yield from _problems(manifest, definition)


def _problems(manifest: Manifest, definition: structural.Definition) -> Iterator[Observation]:
    for each in structural.check(manifest.body, definition):
        rule = UNKNOWN_FIELD if each.is_dropped else INVALID
        message = f"{each.pointer[1:] or '/'} {each.detail}"
        yield Observation(code=rule.code, manifest=manifest, message=message, pointer=each.pointer)
