"""Meshwright watching itself: traces, metrics, logs."""
