"""The mesh of real Envoys that native resources are laid over."""

from rig.stack.yard import bare_yard, yard

__all__ = ["bare_yard", "yard"]
