"""Consul in a Kubernetes cluster: its control plane, proxies and services by their objects, its entries as resources.

Invariant: what an entry says is the same as over Consul's own API; only its coat is another (`coats`).
"""
