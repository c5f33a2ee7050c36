"""The mesh of real Envoys that these tests share with those of security."""

from rig.stack.envoy_mesh import bare_envoy_mesh, envoy_mesh

__all__ = ["bare_envoy_mesh", "envoy_mesh"]
