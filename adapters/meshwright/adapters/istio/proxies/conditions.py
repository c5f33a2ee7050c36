"""What is wrong with the proxies of a mesh, and what to do.

Invariant: a pure function of what was read; a condition that is not as it should be names the first of those concerned
and the next command.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence

from meshwright.adapters.istio.proxies import authorities
from meshwright.adapters.istio.proxies.reading import Reading
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.meshes import Condition
from meshwright.schemas.workloads import Proxy

_SHOWN = 10
_QUOTED = 3
"""proxies whose own words are given: one wrong resource is often refused by all in the same words"""
_WORDS = 300
"""characters of them; all of them stand with the proxy itself"""
_BEHIND = 2
"""minor versions that a proxy may be behind its control plane"""


def conditions(mesh: str, reading: Reading, versions: Mapping[str, str], waypoints: Sequence[str]) -> list[Condition]:
    """The conditions of the proxies of a mesh.

    `versions` are those of its control planes by revision, `waypoints` those that there are, as `namespace/name`.
    """
    now = datetime.datetime.now(datetime.UTC)
    return [
        *_asked(reading),
        *authorities.condition([each.authority for each in reading.replicas if each.authority], now),
        _synced(reading),
        *_versions(mesh, reading.proxies, versions),
        *_waypoints(reading, waypoints),
        *_bare(mesh, reading.bare),
    ]


def _asked(reading: Reading) -> list[Condition]:
    if not reading.unasked:
        return []
    words = "; ".join(f"{each.name}: {each.problem}" for each in reading.unasked[:_SHOWN])
    detail = (
        f"{len(reading.unasked)} of {len(reading.replicas)} istiods cannot be asked for their proxies, which stay as"
        f" they were observed: {words}. Forwarding takes the right to create pods/portforward"
    )
    return [_wrong("ProxiesRead", "NotAsked", detail)]


def _synced(reading: Reading) -> Condition:
    total = len(reading.proxies)
    rejected = [each for each in reading.proxies if each.state == "rejected"]
    if rejected:
        words = "; ".join(f"{_name(each)} refuses {_shortened(each.error)}" for each in rejected[:_QUOTED])
        detail = f"{len(rejected)} of {total} proxies refuse what they were sent, and keep what they had: {words}"
        return _wrong("ProxiesSynced", "Rejected", detail)
    lost = [each for each in reading.proxies if each.state == "disconnected"]
    if lost:
        detail = (
            f"{len(lost)} of {total} proxies run without a connection to istiod: {_names(lost)}; look at their log"
            f" (kubectl -n {lost[0].namespace} logs {lost[0].name} -c istio-proxy)"
        )
        return _wrong("ProxiesSynced", "Disconnected", detail)
    synced = sum(each.state == "synced" for each in reading.proxies)
    return Condition(
        type="ProxiesSynced",
        status="True",
        reason="AsExpected",
        message=f"{synced} of {total} proxies have taken all that they were sent",
    )


def _versions(mesh: str, proxies: Sequence[Proxy], versions: Mapping[str, str]) -> list[Condition]:
    """Each proxy beside the control plane that serves it."""
    others = [each for each in proxies if _differs(each.version, versions.get(each.revision, ""))]
    apart = [each for each in others if _apart(each.version, versions[each.revision])]
    if apart:
        shown = ", ".join(f"{_name(each)} {each.version} ({each.revision})" for each in apart[:_SHOWN])
        planes = ", ".join(f"{revision} {version}" for revision, version in sorted(versions.items()))
        ahead = sum(numbers(each.version) > numbers(versions[each.revision]) for each in apart)
        behind = len(apart) - ahead
        where = " and ".join(
            [f"{behind} more than {_BEHIND} minor versions behind"] * bool(behind) + [f"{ahead} ahead of"] * bool(ahead)
        )
        detail = (
            f"of {len(proxies)} proxies, {where} the istiod of their revision ({planes}), which Istio does not support:"
            f" {shown}; {_restart(mesh, apart[0])}"
        )
        return [_wrong("ProxyVersions", "VersionSkew", detail)]
    if others:
        message = f"{len(others)} of {len(proxies)} proxies have another version than their istiod: {_names(others)}"
        message = f"{message}; for its version, {_restart(mesh, others[0])}"
        return [Condition(type="ProxyVersions", status="True", reason="Older", message=message[:2000])]
    return []


def _restart(mesh: str, proxy: Proxy) -> str:
    if proxy.mode == "ztunnel":
        return "upgrade the ztunnel chart to the version of istiod"
    if proxy.mode in ("gateway", "waypoint"):
        name = proxy.workload.rpartition("~")[2] if proxy.workload else proxy.name
        return f"restart them (kubectl -n {proxy.namespace} rollout restart deployment {name})"
    return f"restart them (meshwright workloads enrol --mesh {mesh} --namespace {proxy.namespace} --restart)"


def _differs(proxy: str, plane: str) -> bool:
    return len(numbers(proxy)) >= 2 and len(numbers(plane)) >= 2 and proxy != plane


def _apart(proxy: str, plane: str) -> bool:
    ours, theirs = numbers(proxy)[:2], numbers(plane)[:2]
    return ours[0] != theirs[0] or not 0 <= theirs[1] - ours[1] <= _BEHIND


def _waypoints(reading: Reading, waypoints: Sequence[str]) -> list[Condition]:
    """Waypoints that no connected proxy stands for, once all istiods were asked."""
    if not reading.replicas or not reading.complete:
        return []
    there = {
        f"{each.namespace}/{each.workload.rpartition('~')[2] if each.workload else ''}"
        for each in reading.proxies
        if each.mode == "waypoint" and each.state != "disconnected"
    }
    missing = [each for each in waypoints if each not in there]
    if not missing:
        return []
    namespace, _, name = missing[0].partition("/")
    detail = (
        f"no proxy of {', '.join(missing[:_SHOWN])} is connected to istiod: requests to what they serve fail;"
        f" look at kubectl -n {namespace} describe deployment {name}"
    )
    return [_wrong("WaypointsReady", "NoProxy", detail)]


def _bare(mesh: str, pods: Sequence[str]) -> list[Condition]:
    if not pods:
        return []
    shown = ", ".join(pods[:_SHOWN])
    namespace = pods[0].partition("/")[0]
    detail = (
        f"{len(pods)} pods of enrolled namespaces have no sidecar: {shown}; they began before they were enrolled, or"
        f" while istiod was away: restart them (meshwright workloads enrol --mesh {mesh} --namespace {namespace}"
        " --restart)"
    )
    return [_wrong("PodsInjected", "NoSidecar", detail)]


def _shortened(words: str) -> str:
    return words if len(words) <= _WORDS else f"{words[:_WORDS]}…"


def _name(proxy: Proxy) -> str:
    return f"{proxy.namespace}/{proxy.name}"


def _names(proxies: Iterable[Proxy]) -> str:
    return ", ".join([_name(each) for each in proxies][:_SHOWN])


def _wrong(kind: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status="False", reason=reason, message=message[:2000])
