"""The status of a proxy's configuration, as exchanged between replicas of the control plane.

Invariant: a record names the desired state that it is about, so an old ACK is never taken for a new one.
"""

import datetime

from meshwright.schemas.base import Model
from meshwright.schemas.workloads import Certificate, ResourceTypeSync, SyncState


class ProxyStatus(Model, frozen=True, kw_only=True):
    """The newest status of one proxy. `state_version` is the version of the desired state that `state` is about."""

    state: SyncState
    state_version: str = ""
    sent: str = ""
    acked: str = ""
    error: str = ""
    sync: list[ResourceTypeSync] = []
    blocked: list[int] = []
    """the ports in use, when they are the only problem of the configuration"""
    proxy_version: str = ""
    replica: str = ""
    certificate: Certificate | None = None
    stage: str = ""
    """the stage of the mesh's authority whose certificate and trust the proxy has, once it is synced"""
    since: datetime.datetime | None = None
    """when this stream started; None while there is none"""


EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
"""replaces the time of observation where documents are compared"""
ABSENT = ProxyStatus(state="disconnected")
"""the status of a proxy that never connected"""


def is_answer(status: ProxyStatus, state_version: str) -> bool:
    """Whether the proxy has accepted or rejected this desired state."""
    return status.state_version == state_version and status.state in ("synced", "rejected")
