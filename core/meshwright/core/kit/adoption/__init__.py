"""Meshes that somebody else has installed: detected at a connection, and managed from then on as they are.

Invariant: detecting, adopting and forgetting change nothing but what Meshwright itself records.
"""

from meshwright.core.kit.adoption.detecting import Adoption, detect

__all__ = ["Adoption", "detect"]
