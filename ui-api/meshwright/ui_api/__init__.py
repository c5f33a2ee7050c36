"""The interfaces for users and programs: REST, SSE, the CLI and the dashboard.

Invariant: this package writes to the bus and reads MongoDB; it never writes the database.
"""
