"""Real effect: real Envoys as sidecars of pods that are only played, configured by a real istiod, carry real requests.

Problem: that a mesh accepts a resource does not show that requests follow it. Invariant: pods' addresses exist in
network namespaces of the test's own alone, and all of it ends with the test process.
"""
