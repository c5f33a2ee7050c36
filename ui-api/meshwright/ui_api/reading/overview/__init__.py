"""A workspace at a glance: its meshes, and what needs somebody."""
