"""A real Consul for the tests of a module."""

from rig.consul.fixtures import consul

__all__ = ["consul"]
