"""Inputs for tests: hostile, random and native ones."""
