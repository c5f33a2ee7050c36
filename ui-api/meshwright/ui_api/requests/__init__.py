"""Handling of write requests: checked, authorized, previewed, and published."""
