"""Traffic for a terminal: the graph of a mesh, and numbers over time."""
