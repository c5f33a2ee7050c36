"""The test bed: a real Kubernetes control plane, with pods that are only played, and a real istiod, on loopback.

Invariant: nothing here needs a container runtime or a network; what is not built is skipped by the tests that need
it, which say `make testbed`.
"""
