"""Where the analyzers of Istio register themselves.

Invariant: `galley.istio.io/analyze-suppress` on a resource counts as it does for `istioctl analyze`.
"""

from meshwright.core.kit.analysis import Analyzers, Manifest
from meshwright.schemas.rules import ISTIO

_SUPPRESS = "galley.istio.io/analyze-suppress"


def _suppressed(manifest: Manifest) -> set[str]:
    return {each.strip() for each in str(manifest.annotations.get(_SUPPRESS, "")).split(",")} - {""}


analyzers = Analyzers(ISTIO, suppressions=_suppressed)
