"""Who takes part in a mesh: marks on namespaces and pods, and starting workloads anew so that the marks count.

Invariant: the marks in the cluster are the truth of it; nothing is remembered beside them. Which marks a mesh goes
by is its adapter's to know.
"""
