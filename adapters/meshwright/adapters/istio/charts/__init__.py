"""Istio's charts: which a profile consists of, where they come from, and how each comes into the cluster.

Invariant: a chart is one draft of the kit's target, so it is planned, applied, pruned and taken back like a design.
"""
