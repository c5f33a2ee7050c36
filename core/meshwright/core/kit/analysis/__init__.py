"""Analysis: findings about Kubernetes resources, from files, from a cluster, or from both together.

Invariant: an analyzer is a pure function of resources. Reading files, suppression, order and codes are handled here,
once for all meshes.
"""

from meshwright.core.kit.analysis.analyzers import Analyzers, LiveResources
from meshwright.core.kit.analysis.designs import applied
from meshwright.core.kit.analysis.manifests import Manifest, Manifests, from_object, read_files
from meshwright.core.kit.analysis.observations import Observation

__all__ = ["Analyzers", "LiveResources", "Manifest", "Manifests", "Observation", "applied", "from_object", "read_files"]
