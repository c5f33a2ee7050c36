"""A small mesh of real Envoys for every test that asks for one."""

from rig.stack.yard import bare_yard, yard

__all__ = ["bare_yard", "yard"]
