"""What the Envoy adapter does on command; importing these modules registers their handlers.

Invariant: every handler is a plan and the common way to carry it out (`changes.Change`), so that all of them
are durable, undoable and idempotent in the same manner.
"""
