"""Istio's charts: which of them a profile consists of, in which order, and with which values.

Invariant: pure knowledge of Istio; where charts come from and how each comes into the cluster is the kit's.
"""
