"""Kuma without Kubernetes: its control plane's own API, with the same policies in another form."""
