"""What every process needs: bus, store, adapter kit, telemetry, test kit.

Invariant: core knows the contract and the external servers, and imports nothing that is built on it.
"""
