"""Meshwright's own telemetry: traces, metrics, logs."""
