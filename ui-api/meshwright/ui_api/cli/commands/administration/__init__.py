"""Commands for administration: contexts, access, the system."""
