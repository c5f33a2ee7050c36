"""Commands about Meshwright itself: contexts, access, the system."""
