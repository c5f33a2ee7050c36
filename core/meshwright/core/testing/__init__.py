"""The test kit: real servers, waiting for conditions, and the conformance suite, usable by third-party adapters.

Invariant: no server is mocked; a test that passes did so against the real one.
"""
