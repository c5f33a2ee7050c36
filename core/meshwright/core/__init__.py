"""What every process needs: bus, store, adapter kit, telemetry, test kit.

Invariant: core knows the contract and the outside servers, never a room that is built on it.
"""
