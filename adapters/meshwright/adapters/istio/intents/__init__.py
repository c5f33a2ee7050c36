"""From intents to Istio's own resources: pure functions, one module per kind of resource.

Invariant: what several intents of a design say of one host becomes one resource, so each of their translations is that
whole resource. What Istio would only do nearly is refused, with the reason.
"""

from meshwright.adapters.istio.intents import translation

__all__ = ["translation"]
