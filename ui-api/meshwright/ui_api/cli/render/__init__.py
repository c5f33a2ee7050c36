"""Output: tables, timelines, failures."""
