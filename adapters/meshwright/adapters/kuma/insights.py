"""What a control plane has noted of proxies and zones: their connections, what they took, their certificates.

Problem: Kuma counts, per type of resource, what it has sent to a proxy and what the proxy answered; numbers are text in
some releases. Invariant: pure functions of insights as the API server and the control plane's own API have them alike;
a proxy is connected while one of its subscriptions has not ended. What is counted is of that subscription alone.
"""

import datetime
from collections.abc import Iterable
from typing import Any

from meshwright.adapters.kuma import words
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.base import Model
from meshwright.schemas.workloads import Certificate, Proxy, ResourceTypeSync, SyncState, proxy_id

Body = dict[str, Any]
_TYPES = {"cds": "Cluster", "eds": "Endpoint", "lds": "Listener", "rds": "Route"}


class Seen(Model, frozen=True, kw_only=True):
    """One proxy as the control plane knows it, without its place in Meshwright."""

    namespace: str = ""
    name: str
    mesh: str = words.DEFAULT_MESH
    gateway: bool = False
    workload: str = ""
    """the id of its workload, as far as it is known"""
    insight: Body = {}


def latest(insight: Body) -> Body:
    """The subscription that counts: the one that goes on, or else the last one; empty: there was none."""
    every = [each for each in insight.get("subscriptions") or [] if isinstance(each, dict)]
    going = [each for each in every if not each.get("disconnectTime")]
    return (going or every or [{}])[-1]


def is_online(insight: Body) -> bool:
    """Whether a proxy or a zone is connected."""
    subscription = latest(insight)
    return bool(subscription) and not subscription.get("disconnectTime")


def version(insight: Body) -> str:
    """The version of a proxy: Kuma's, which its Envoy comes with."""
    return str(k8s.at(latest(insight), "version", "kumaDp", "version") or "")


def sync(insight: Body) -> list[ResourceTypeSync]:
    """What the proxy was sent and has taken, per type of resource."""
    status = latest(insight).get("status") or {}
    return [_sync(kind, status[key]) for key, kind in _TYPES.items() if isinstance(status.get(key), dict)]


def certificate_end(insight: Body) -> datetime.datetime | None:
    """When the certificate of a proxy ends; None where it has none."""
    text = str(k8s.at(insight, "mTLS", "certificateExpirationTime") or "")
    try:
        return datetime.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def proxies(mesh: str, seen: Iterable[Seen]) -> list[Proxy]:
    """The same as Meshwright tells them; `mesh` is its name of the mesh."""
    now = datetime.datetime.now(datetime.UTC)
    return sorted((_proxy(mesh, each, now) for each in seen), key=lambda each: (each.namespace, each.name))


def _proxy(mesh: str, seen: Seen, now: datetime.datetime) -> Proxy:
    types = sync(seen.insight)
    state, error = _state(seen.insight, types)
    end = certificate_end(seen.insight)
    return Proxy(
        id=proxy_id(mesh, seen.namespace, seen.name),
        mesh=mesh,
        namespace=seen.namespace,
        name=seen.name,
        workload=seen.workload or None,
        mode="gateway" if seen.gateway else "sidecar",
        control_plane=str(latest(seen.insight).get("controlPlaneInstanceId") or ""),
        version=version(seen.insight),
        state=state,
        error=error,
        sync=types,
        certificate=Certificate(spiffe_id="", serial="", not_after=end) if end else None,
        observed_at=now,
    )


def _state(insight: Body, types: list[ResourceTypeSync]) -> tuple[SyncState, str]:
    if not is_online(insight):
        return "disconnected", ""
    for state in ("rejected", "stale"):
        wrong = [each for each in types if each.state == state]
        if wrong:
            return wrong[0].state, "; ".join(f"{each.type}: {each.error}" for each in wrong if each.error)
    return ("synced" if any(each.acked != "0" for each in types) else "not_sent"), ""


def _sync(kind: str, counts: Body) -> ResourceTypeSync:
    sent, acked, refused = (
        _count(counts, key) for key in ("responsesSent", "responsesAcknowledged", "responsesRejected")
    )
    state: SyncState = "synced" if sent else "not_sent"
    if acked + refused < sent:
        state = "stale"
    elif refused:
        state = "rejected"
    error = f"{refused} of {sent} answers were refused: see the log of {words.SIDECAR}" if refused else ""
    return ResourceTypeSync(type=kind, state=state, sent=str(sent), acked=str(acked), error=error)


def _count(counts: Body, key: str) -> int:
    try:
        return int(counts.get(key) or 0)
    except (TypeError, ValueError):
        return 0
