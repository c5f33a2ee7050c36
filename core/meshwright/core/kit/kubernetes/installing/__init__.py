"""Meshes installed from charts: where these come from, how each comes into the cluster, and what is recorded of it.

Invariant: a chart is one draft of the kit's target, so it is planned, applied, pruned and taken back like a design.
Which charts a mesh consists of, and with which values, is its adapter's to know.
"""
