"""Who takes part in the mesh: labels, rollouts and waypoints.

Invariant: Istio's labels are the truth of it; nothing is remembered beside them.
"""
