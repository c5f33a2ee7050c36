"""The status of a mesh and its proxies: read by the adapter, published and followed by the kit.

Invariant: an adapter only says how a mesh is; what is news, and who was there before and is gone, is worked out here.
"""

from meshwright.core.kit.status.publishing import MeshStatus, StatusReader, forget_mesh, tell_mesh, told_mesh

__all__ = ["MeshStatus", "StatusReader", "forget_mesh", "tell_mesh", "told_mesh"]
