"""What a proxy says of its configuration, as replicas of the control plane tell each other.

Invariant: a record names the desired state that it judges, so nobody takes an old ACK for a new one.
"""

import datetime

from meshwright.schemas.base import Model
from meshwright.schemas.workloads import Certificate, ResourceTypeSync, SyncState


class ProxyStatus(Model, frozen=True, kw_only=True):
    """The newest word on one proxy. `state_version` is the version of the desired state that `state` judges."""

    state: SyncState
    state_version: str = ""
    sent: str = ""
    acked: str = ""
    error: str = ""
    sync: list[ResourceTypeSync] = []
    blocked: list[int] = []
    """the taken ports, when nothing else stands against the configuration"""
    proxy_version: str = ""
    replica: str = ""
    certificate: Certificate | None = None
    stage: str = ""
    """the stage of the mesh's authority whose certificate and trust the proxy holds, once it is synced"""
    since: datetime.datetime | None = None
    """when this stream began; None while there is none"""


EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
"""stands for the time of observation where documents are compared"""
ABSENT = ProxyStatus(state="disconnected")
"""A proxy of which nobody has heard."""


def is_answer(status: ProxyStatus, state_version: str) -> bool:
    """Whether the proxy has accepted or rejected this desired state."""
    return status.state_version == state_version and status.state in ("synced", "rejected")
