"""What is wrong with the proxies of a mesh, and what to do.

Invariant: a pure function of what was read; a condition that is not as it should be names the first of those concerned
and the next command.
"""

from collections.abc import Iterable, Sequence

from meshwright.adapters.istio.proxies.reading import Reading
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.meshes import Condition
from meshwright.schemas.workloads import Proxy

_SHOWN = 10
_BEHIND = 2
"""minor versions that a proxy may be behind its control plane"""


def conditions(reading: Reading, version: str) -> list[Condition]:
    """The conditions of the proxies of a control plane of that version."""
    return [*_asked(reading), _synced(reading), *_versions(reading.proxies, version), *_bare(reading.bare)]


def _asked(reading: Reading) -> list[Condition]:
    if not reading.unasked:
        return []
    words = "; ".join(f"{each.name}: {each.problem}" for each in reading.unasked[:_SHOWN])
    detail = (
        f"{len(reading.unasked)} of {len(reading.replicas)} istiods cannot be asked for their proxies, which stay as"
        f" they were told: {words}. Forwarding takes the right to create pods/portforward"
    )
    return [_wrong("ProxiesRead", "NotAsked", detail)]


def _synced(reading: Reading) -> Condition:
    rejected = [each for each in reading.proxies if each.state == "rejected"]
    if rejected:
        words = "; ".join(f"{_name(each)} refuses {each.error}" for each in rejected[:_SHOWN])
        detail = f"{_counted(rejected)} refuse what they were sent, and keep what they had: {words}"
        return _wrong("ProxiesSynced", "Rejected", detail)
    lost = [each for each in reading.proxies if each.state == "disconnected"]
    if lost:
        detail = (
            f"{_counted(lost)} run without a connection to istiod: {_names(lost)}; look at their log"
            f" (kubectl -n {lost[0].namespace} logs {lost[0].name} -c istio-proxy)"
        )
        return _wrong("ProxiesSynced", "Disconnected", detail)
    synced = sum(each.state == "synced" for each in reading.proxies)
    return Condition(
        type="ProxiesSynced",
        status="True",
        reason="AsExpected",
        message=f"{synced} of {len(reading.proxies)} proxies have taken all that they were sent",
    )


def _versions(proxies: Sequence[Proxy], version: str) -> list[Condition]:
    plane = numbers(version)[:2]
    if len(plane) < 2:
        return []
    others = [each for each in proxies if len(numbers(each.version)) >= 2 and each.version != version]
    apart = [each for each in others if _apart(numbers(each.version)[:2], plane)]
    if apart:
        detail = (
            f"{_counted(apart)} are more than {_BEHIND} minor versions behind istiod {version}, or before it:"
            f" {', '.join(f'{_name(each)} {each.version}' for each in apart[:_SHOWN])}; restart their workloads"
        )
        return [_wrong("ProxyVersions", "VersionSkew", detail)]
    if others:
        message = f"{_counted(others)} are not {version} yet: {_names(others)}; restart their workloads for that"
        return [Condition(type="ProxyVersions", status="True", reason="Older", message=message[:2000])]
    return []


def _apart(proxy: Sequence[int], plane: Sequence[int]) -> bool:
    return proxy[0] != plane[0] or not 0 <= plane[1] - proxy[1] <= _BEHIND


def _bare(pods: Sequence[str]) -> list[Condition]:
    if not pods:
        return []
    shown = ", ".join(pods[:_SHOWN])
    namespace = pods[0].partition("/")[0]
    detail = (
        f"{len(pods)} pods of enrolled namespaces have no sidecar: {shown}; they began before they were enrolled, or"
        f" while istiod was away: restart them (meshwright workloads enrol --namespace {namespace} --restart)"
    )
    return [_wrong("PodsInjected", "NoSidecar", detail)]


def _counted(proxies: Sequence[Proxy]) -> str:
    return f"{len(proxies)} of its proxies"


def _name(proxy: Proxy) -> str:
    return f"{proxy.namespace}/{proxy.name}"


def _names(proxies: Iterable[Proxy]) -> str:
    return ", ".join([_name(each) for each in proxies][:_SHOWN])


def _wrong(kind: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status="False", reason=reason, message=message[:2000])
