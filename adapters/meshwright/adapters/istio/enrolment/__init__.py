"""Who takes part in the mesh: which labels, and waypoints.

Invariant: Istio's labels are the truth of it; nothing is remembered beside them.
"""
