"""The lifecycle of an operation, derived from its events."""
