"""What is read of all views together: the overview, and the traffic of a mesh."""
