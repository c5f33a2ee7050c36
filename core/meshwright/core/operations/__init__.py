"""The lifecycle of an operation, as its events record it."""
