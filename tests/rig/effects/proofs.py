"""All proofs of intents by real requests, in one class that a module of tests subclasses for its mesh.

Invariant: each proof leaves the mesh as it was, so that one mesh serves them all; every intent of the contract is
proven, or said to be unsupported.
"""

from rig.effects.failures import FailureEffects
from rig.effects.routes import RouteEffects
from rig.effects.security import SecurityEffects


class IntentEffects(RouteEffects, FailureEffects, SecurityEffects):
    """Subclass it in a module that has a fixture `mesh`; pytest runs the inherited tests against that."""
