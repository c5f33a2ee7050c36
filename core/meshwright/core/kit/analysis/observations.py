"""What analyzers give: a rule is broken at a place."""

from collections.abc import Sequence

import msgspec

from meshwright.core.kit.analysis.manifests import Manifest


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A rule is broken at a place of a resource; `related` are the other resources that take part."""

    code: str
    manifest: Manifest
    message: str
    pointer: str = "#"
    related: Sequence[Manifest] = ()
