"""Measured windows in the database: which there are, and their sums, which the database adds up."""
