"""The desired state of a mesh, in its buckets, and the pure functions that change it."""
