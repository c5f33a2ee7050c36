"""Discovery: watches the clusters of all Kubernetes connections and publishes their objects to a stream.

Invariant: whenever a cluster is synced, the stream's newest messages are exactly the watched objects that the cluster
has, without secrets.
"""

from meshwright.workers.discovery.main import main

__all__ = ["main"]
