"""What istiod tells of the proxies that are connected to it (`/debug/syncz`).

Problem: older ones tell of five types in fields of their own, newer ones of every type that a proxy has asked for.
Invariant: both are read into the same words; a type is rejected as long as its last answer was a refusal, synced when
the newest answer is to what was sent last, and not sent when nothing was.
"""

import re

import msgspec

from meshwright.core.kit.distribution import plain
from meshwright.schemas.base import OBJECT_PATTERN, whole
from meshwright.schemas.workloads import ProxyMode, ResourceTypeSync, SyncState

PATH = "/debug/syncz"
CLASSIC = {
    "Cluster": "cluster",
    "Listener": "listener",
    "RouteConfiguration": "route",
    "ClusterLoadAssignment": "endpoint",
    "TypedExtensionConfig": "extensionconfig",
}
"""the types that have fields of their own, and how these begin"""
_MODES: dict[str, ProxyMode] = {
    "sidecar": "sidecar", "router": "gateway", "waypoint": "waypoint", "ztunnel": "ztunnel",
}  # fmt: skip
_NAME = re.compile(whole(OBJECT_PATTERN))
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_WORST: tuple[SyncState, ...] = ("rejected", "stale", "synced", "not_sent")
_LONGEST = 1500


class TypeStatus(msgspec.Struct, frozen=True, rename="camel"):
    """One type of resource."""

    sent: str = ""
    acked: str = ""
    sent_time: str = ""
    last_error: str = ""


class ProxySync(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy, by istiod's own field names."""

    cluster_id: str = ""
    proxy: str = ""
    """the name of its pod and its namespace, joined by a dot"""
    proxy_type: str = ""
    istio_version: str = ""
    cluster_sent: str = ""
    cluster_acked: str = ""
    listener_sent: str = ""
    listener_acked: str = ""
    route_sent: str = ""
    route_acked: str = ""
    endpoint_sent: str = ""
    endpoint_acked: str = ""
    extensionconfig_sent: str = ""
    extensionconfig_acked: str = ""
    resources: dict[str, TypeStatus] = {}

    @property
    def name(self) -> str:
        """The name of its pod, or of its workload entry."""
        return self.proxy.rpartition(".")[0]

    @property
    def namespace(self) -> str:
        """The namespace of its pod."""
        return self.proxy.rpartition(".")[2]

    @property
    def newest(self) -> str:
        """When something was sent to it last, to the second; empty where istiod does not say."""
        return max((each.sent_time[:19] for each in self.resources.values()), default="")

    @property
    def mode(self) -> ProxyMode:
        """What it is for."""
        return _MODES.get(self.proxy_type, "")


_DECODER = msgspec.json.Decoder(list[ProxySync] | None)


def decoded(answer: bytes) -> list[ProxySync]:
    """The proxies of an answer, but for those whose names nothing in Kubernetes has. Raises msgspec.DecodeError."""
    proxies = _DECODER.decode(answer) or []
    return [each for each in proxies if _NAME.match(each.name) and _NAME.match(each.namespace)]


def statuses(proxy: ProxySync) -> dict[str, TypeStatus]:
    """By type: those that an Envoy always has, and what else it has asked for."""
    known = {} if proxy.mode == "ztunnel" else {name: _classic(proxy, field) for name, field in CLASSIC.items()}
    return known | {_short(url): each for url, each in proxy.resources.items()}


def types(proxy: ProxySync) -> list[ResourceTypeSync]:
    """What it has taken of each type."""
    return [_sync(name, each) for name, each in statuses(proxy).items()]


def summed_up(sync: list[ResourceTypeSync]) -> ResourceTypeSync:
    """All types together: the worst of them counts, but for those that were never sent."""
    for state in _WORST:
        if chosen := [each for each in sync if each.state == state]:
            first = chosen[0]
            errors = [f"{each.type}: {each.error}" for each in chosen if each.error]
            return ResourceTypeSync(
                type="", state=state, sent=first.sent, acked=first.acked, error="; ".join(errors)[:_LONGEST]
            )
    return ResourceTypeSync(type="", state="not_sent")


def _classic(proxy: ProxySync, field: str) -> TypeStatus:
    return TypeStatus(getattr(proxy, f"{field}_sent"), getattr(proxy, f"{field}_acked"))


def _sync(name: str, status: TypeStatus) -> ResourceTypeSync:
    """One type in the words of the contract; versions are told where they differ, since every push has another."""
    state: SyncState = "synced"
    if status.last_error:
        state = "rejected"
    elif not status.sent:
        state = "not_sent"
    elif status.sent != status.acked:
        state = "stale"
    error = plain(status.last_error)[:_LONGEST]
    sent, acked = (push_of(status.sent), push_of(status.acked)) if state in ("stale", "rejected") else ("", "")
    return ResourceTypeSync(type=name, state=state, sent=sent, acked=acked, error=error)


def push_of(nonce: str) -> str:
    """The push that a nonce is of: its time and number, without what makes the nonce unique."""
    return _UUID.sub("", nonce)[:100]


def _short(url: str) -> str:
    return url.rpartition("/")[2].rpartition(".")[2][:200] or url[:200]
