"""From intents to Consul's config entries: pure functions, one module per kind of entry.

Invariant: what several intents of a design say of one entry becomes one resource, so each of their translations is that
whole resource. What Consul would only do nearly is refused, with the reason.
"""

from meshwright.adapters.consul.intents import translation

__all__ = ["translation"]
