"""The demo shop: eight small services, one of them in three versions, that talk only through their sidecars.

Invariant: a service knows its own port and its sidecar's outbound port and nothing of where the others are;
whom a request reaches is the mesh's decision, and every answer names who gave it.
"""
