"""Identifiers of what an adapter makes: fresh, or derived from content so that a second try finds the first.

Invariant: these are `core.ids`.
"""

from meshwright.core.ids import derived, fresh

__all__ = ["derived", "fresh"]
