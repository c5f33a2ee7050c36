"""The mesh of real Envoys that these tests share with those of security."""

from rig.stack.yard import bare_yard, yard

__all__ = ["bare_yard", "yard"]
