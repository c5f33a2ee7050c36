"""The target of meshes whose control plane keeps its configuration behind HTTP: Consul, Kuma without Kubernetes.

Invariant: nothing here knows a mesh. An adapter says how an entry is read and written there (`Entries`); what is
planned, applied, taken back and removed, and whose an entry is, are the same for all.
"""

from meshwright.core.kit.http_control_plane.entries import Entries, Entry, Marked
from meshwright.core.kit.http_control_plane.ownership import Owner
from meshwright.core.kit.http_control_plane.servers import Servers, servers_of
from meshwright.core.kit.http_control_plane.target import ControlPlaneTarget

__all__ = [
    "ControlPlaneTarget",
    "Entries",
    "Entry",
    "Marked",
    "Owner",
    "Servers",
    "servers_of",
]
