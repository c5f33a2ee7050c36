"""The Envoy mesh: a real service mesh without Kubernetes, with the adapter worker as its control plane.

Invariant: what proxies run is a pure function of the desired state in the bucket, so any replica of this
adapter can serve any proxy, and previews, diffs and goldens show exactly what a proxy will receive.
"""

import os

# gRPC reads this when it is loaded; otherwise it logs a line for every failed TLS handshake
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.intents import translation
from meshwright.adapters.envoy.operations import accounts, connections, logs, meshes, previews, upgrades, workloads

__all__ = ["accounts", "adapter", "connections", "logs", "meshes", "previews", "translation", "upgrades", "workloads"]
