"""The interfaces for people and programs: REST, SSE, the CLI and the dashboard.

Invariant: this room writes to the bus and reads MongoDB; it never writes the database.
"""
