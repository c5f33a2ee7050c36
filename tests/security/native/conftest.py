"""The mesh of real Envoys that native resources are laid over."""

from rig.stack.envoy_mesh import bare_envoy_mesh, envoy_mesh

__all__ = ["bare_envoy_mesh", "envoy_mesh"]
