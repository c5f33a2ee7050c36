"""From intents to what Linkerd reads: pure functions, one module per kind of resource.

Invariant: what several intents of a design say of one service becomes one resource, so each of their translations is
that whole resource. What Linkerd would only do nearly is refused, with the reason.
"""
