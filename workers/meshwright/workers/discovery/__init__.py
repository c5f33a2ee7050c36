"""Discovery: watches the clusters of all Kubernetes connections and keeps what it sees in a stream.

Invariant: of the objects that are watched the stream's newest messages are, at each moment in which a cluster is
synced, exactly those that the cluster has, without what is secret.
"""

from meshwright.workers.discovery.main import main

__all__ = ["main"]
