"""Whole Meshwrights for tests, their clients, and the connections between them."""
