"""Sealing secrets before they reach the bus, reading addresses, and looking where one leads before it is called.

Invariant: these are the modules of `core.security` that an adapter may use; `Runtime.sealer` has the keys.
"""

from meshwright.core.security import addresses, sealing, ssrf

__all__ = ["addresses", "sealing", "ssrf"]
