"""A small mesh of real Envoys for every test that asks for one."""

from rig.stack.envoy_mesh import bare_envoy_mesh, envoy_mesh

__all__ = ["bare_envoy_mesh", "envoy_mesh"]
