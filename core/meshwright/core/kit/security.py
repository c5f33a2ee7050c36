"""Sealing secrets before they reach the bus, and looking where a given address leads before it is called.

Invariant: these are the modules of `core.security` that an adapter may use; `Runtime.sealer` has the keys.
"""

from meshwright.core.security import sealing, ssrf

__all__ = ["sealing", "ssrf"]
