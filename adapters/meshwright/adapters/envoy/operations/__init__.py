"""The operations of the Envoy adapter; importing these modules registers their handlers.

Invariant: every handler makes a plan and carries it out in the same way (`changes.Change`), so that all of them are
durable, undoable and idempotent.
"""
