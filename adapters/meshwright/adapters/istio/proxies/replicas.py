"""Asking every replica of a control plane for the proxies that are connected to it.

Problem: each istiod knows its own proxies only, and its debug pages answer its own host only. Invariant: each running
replica of the revision is asked through the port forwarding of its node, a few at a time and each within a bounded
time; one that cannot be asked is told by name, and what the others say counts.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from meshwright.adapters.istio.charts.profiles import DEFAULT_REVISION
from meshwright.adapters.istio.proxies import authorities, counting, syncz
from meshwright.adapters.istio.proxies.authorities import Authority
from meshwright.adapters.istio.proxies.syncz import ProxySync
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.distribution import Work
from meshwright.core.kit.kubernetes.facts.pods import ended
from meshwright.core.kit.kubernetes.listing import listed
from meshwright.core.kit.kubernetes.port_forward import PodPort, Tunnel
from meshwright.schemas.base import Model

_PORT = 15014
"""where an istiod listens for what watches it, unless its pod says otherwise"""
_PORT_ANNOTATION = "prometheus.io/port"
_REVISION = "istio.io/rev"
_AT_ONCE = 4
_SECONDS = 15.0
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Replica(Model, frozen=True, kw_only=True):
    """One istiod, and what it said."""

    namespace: str
    name: str
    revision: str = DEFAULT_REVISION
    port: int = _PORT
    proxies: list[ProxySync] = []
    authority: Authority | None = None
    """with which it issues certificates; None where it does not tell"""
    problem: str = ""
    """why it could not be asked"""
    gathers: float = 0.1
    """seconds for which it waits for further changes before it sends (PILOT_DEBOUNCE_AFTER)"""
    gathers_at_most: float = 10.0
    """and after which it sends although there are further ones (PILOT_DEBOUNCE_MAX)"""

    work: Work | None = None
    """what it had done before it told of its proxies; None where it does not say, or was not asked"""

    def port_in(self, cluster: k8s.Cluster) -> PodPort:
        """Where it answers."""
        return PodPort(cluster, self.namespace, self.name, self.port)


def replicas(bodies: Iterable[dict[str, Any]], revisions: Collection[str]) -> list[Replica]:
    """The running replicas of these revisions among istiod's pods."""
    return [
        Replica(
            namespace=str(k8s.at(each, "metadata", "namespace") or ""),
            name=str(k8s.at(each, "metadata", "name") or ""),
            revision=_revision(each),
            port=_port(each),
            gathers=_setting(each, "PILOT_DEBOUNCE_AFTER", 0.1),
            gathers_at_most=_setting(each, "PILOT_DEBOUNCE_MAX", 10.0),
        )
        for each in bodies
        if k8s.at(each, "status", "phase") == "Running" and not ended(each) and _revision(each) in revisions
    ]


async def ask(cluster: k8s.Cluster, namespace: str, revisions: Collection[str]) -> list[Replica]:
    """Every running replica of these control planes, with what it said.

    Raises KubernetesError when none can be listed.
    """
    return await every(await running(cluster, namespace, revisions), lambda each: _asked(cluster, each))


async def running(cluster: k8s.Cluster, namespace: str, revisions: Collection[str]) -> list[Replica]:
    """Every running replica of these control planes; nothing is asked yet. Raises KubernetesError."""
    return replicas(await listed(cluster, "", "Pod", namespace, labels="app=istiod"), revisions)


async def every(there: Sequence[Replica], ask_one: Callable[[Replica], Awaitable[Replica]]) -> list[Replica]:
    """Ask replicas, a few at a time."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(replica: Replica) -> Replica:
        async with slots:
            return await ask_one(replica)

    return list(await asyncio.gather(*(one(each) for each in there)))


def merged(answers: Iterable[Replica]) -> dict[tuple[str, str], tuple[ProxySync, Replica]]:
    """Each proxy with the replica that serves it: of two that know it, the one that has sent to it last."""
    proxies: dict[tuple[str, str], tuple[ProxySync, Replica]] = {}
    for replica in answers:
        for each in replica.proxies:
            key = each.namespace, each.name
            if key not in proxies or proxies[key][0].newest < each.newest:
                proxies[key] = each, replica
    return proxies


async def counted(cluster: k8s.Cluster, replica: Replica) -> Replica:
    """A replica with its work, and then what it says of its proxies, or why it does not."""

    async def read(tunnel: Tunnel) -> Replica:
        try:
            work = counting.work(await tunnel.get(counting.PATH, timeout=_SECONDS))
        except k8s.Refused:
            work = None  # it does not count, and may tell of its proxies all the same
        return await _synced(tunnel, msgspec.structs.replace(replica, work=work))

    return await _through(cluster, replica, read)


async def _asked(cluster: k8s.Cluster, replica: Replica) -> Replica:
    """A replica with what it says of its proxies and of the authority in force, or why it does not."""

    async def read(tunnel: Tunnel) -> Replica:
        answer = await _synced(tunnel, replica)
        metrics = await tunnel.get(authorities.PATH, timeout=_SECONDS)
        return msgspec.structs.replace(answer, authority=authorities.authority(metrics))

    return await _through(cluster, replica, read)


async def _through(cluster: k8s.Cluster, replica: Replica, read: Callable[[Tunnel], Awaitable[Replica]]) -> Replica:
    """What a replica answers through one tunnel, or why it does not."""
    try:
        async with replica.port_in(cluster).tunnel(timeout=_SECONDS) as tunnel:
            return await read(tunnel)
    except k8s.KubernetesError as error:
        return msgspec.structs.replace(replica, problem=error.failure.what[:500])
    except msgspec.DecodeError as error:
        return msgspec.structs.replace(replica, problem=f"its answer cannot be read: {error}"[:500])


async def _synced(tunnel: Tunnel, replica: Replica) -> Replica:
    """Raises KubernetesError, msgspec.DecodeError."""
    return msgspec.structs.replace(replica, proxies=syncz.decoded(await tunnel.get(syncz.PATH, timeout=_SECONDS)))


def _revision(body: dict[str, Any]) -> str:
    return str((k8s.at(body, "metadata", "labels") or {}).get(_REVISION) or DEFAULT_REVISION)


def _setting(body: dict[str, Any], name: str, otherwise: float) -> float:
    """A duration, as Go writes it, in the environment of istiod's process."""
    for container in k8s.at(body, "spec", "containers") or []:
        for each in container.get("env") or []:
            if each.get("name") == name and (parts := _DURATION.findall(str(each.get("value", "")))):
                return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return otherwise


def _port(body: dict[str, Any]) -> int:
    text = str((k8s.at(body, "metadata", "annotations") or {}).get(_PORT_ANNOTATION, ""))
    return int(text) if text.isdecimal() and 0 < int(text) < 65_536 else _PORT
