"""Designs among files, and those that are applied on a mesh: what is invalid, and intents that contradict each other.

Invariant: of two intents that cannot hold together the finding names both, in one design and across designs; a design
of a file replaces the applied one of its name.
"""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from meshwright.core.kit.analysis.manifests import DESIGN, Manifest, Manifests
from meshwright.core.kit.analysis.observations import Observation
from meshwright.core.kit.lifecycle.contradictions import contradict
from meshwright.schemas import strict
from meshwright.schemas.designs import Design, design_problems
from meshwright.schemas.intents import AnyIntent, intent_kind
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.rules.general import CONTRADICTION, INVALID_DESIGN


class _Stated(msgspec.Struct, frozen=True):
    """An intent where it is stated."""

    manifest: Manifest
    namespace: str
    index: int
    intent: AnyIntent

    def __str__(self) -> str:
        return f"#/intents/{self.index} of the design {self.manifest.ref.name}"


def applied(design: Design) -> Manifest:
    """A design that is applied on a mesh, as one of the resources to analyze."""
    ref = ResourceRef(group=DESIGN.group, kind=DESIGN.kind, name=design.id)
    return Manifest(ref=ref, body=msgspec.to_builtins(design))


def observe(manifests: Manifests) -> Iterator[Observation]:
    """What is wrong with the designs."""
    stated: defaultdict[str, list[_Stated]] = defaultdict(list)
    for manifest in manifests.of(DESIGN.group, DESIGN.kind):
        try:
            design = strict.decode(manifest.body, Design)
            problems = design_problems(design)
        except strict.InvalidDocument as error:
            design, problems = None, error.errors
        for each in problems:
            message = f"{each.pointer[1:] or '/'}: {each.detail}"
            yield Observation(code=INVALID_DESIGN.code, manifest=manifest, message=message, pointer=each.pointer)
        for index, intent in enumerate(design.intents if design else []):
            stated[intent_kind(intent)].append(_Stated(manifest, design.namespace if design else "", index, intent))
    for of_one_kind in stated.values():
        yield from _contradictions(of_one_kind)


def _contradictions(stated: list[_Stated]) -> Iterator[Observation]:
    for place, later in enumerate(stated):
        for earlier in stated[:place]:
            if contradict(earlier.intent, later.intent, (earlier.namespace, later.namespace)):
                about = (
                    getattr(later.intent, "service", None) or getattr(later.intent, "host", None) or "the whole mesh"
                )
                yield Observation(
                    code=CONTRADICTION.code,
                    manifest=later.manifest,
                    message=f"{intent_kind(later.intent)} for {about} contradicts {earlier}",
                    pointer=f"#/intents/{later.index}",
                    related=[earlier.manifest] if earlier.manifest.ref != later.manifest.ref else [],
                )
                break
