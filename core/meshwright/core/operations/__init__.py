"""The life of an operation, as its events tell it."""
