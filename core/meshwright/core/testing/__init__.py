"""The test kit: real servers, patience, and the conformance suite, usable by third-party adapters.

Invariant: nothing here is a double of a server; a test that passes did so against the real one.
"""
