"""Sidecars: real Envoy processes, their admin interface and their statistics."""
