"""From intents to what Kuma reads: pure functions, one module per direction of traffic.

Invariant: what several intents of a design say of one service becomes one policy of each kind, so each of their
translations is those whole policies. What Kuma would only do nearly is refused, with the reason.
"""
