"""Consul's HTTP API, as far as a mesh without Kubernetes needs it: config entries, the catalog, health, the CA."""
