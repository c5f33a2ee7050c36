"""What istiods tell of the proxies of a mesh, in the kit's words.

Problem: what a proxy was sent has a nonce, of which only its beginning tells when: the time and number of the push.
Invariant: a replica has read what its own store shows (`/debug/configz`); what it keeps no store of is not asked for.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from meshwright.adapters.istio.charts.profiles import revisions, shown
from meshwright.adapters.istio.operations import control_planes
from meshwright.adapters.istio.proxies import replicas, syncz
from meshwright.adapters.istio.proxies.replicas import Replica as Istiod
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.distribution import Answer, Proxy, Replica
from meshwright.core.kit.kubernetes.installing.installation import Installations
from meshwright.schemas.references import ResourceRef

_STORE = "/debug/configz"
_KEPT = re.compile(r"(networking|security|telemetry|extensions)\.istio\.io")
"""the groups of which istiod's store shows every object"""
_PUSH = re.compile(r"(?P<time>[^/ ]+)/(?P<number>[0-9]+)")
_BY_THEMSELVES = ("ClusterLoadAssignment", "Address", "Workload")
_SECONDS = 15.0


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Stored(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    metadata: _Meta = _Meta()

    @property
    def ref(self) -> ResourceRef:
        """What it is."""
        group = self.api_version.rpartition("/")[0]
        return ResourceRef(group=group, kind=self.kind, namespace=self.metadata.namespace, name=self.metadata.name)


_STORED = msgspec.json.Decoder(list[_Stored] | None)


class IstioControlPlanes:
    """All replicas of a mesh's istiods; see `ControlPlanes`."""

    def __init__(self, target: k8s.KubernetesTarget) -> None:
        self._target = target
        self._places: dict[str, list[str]] | None = None
        """the revisions by namespace"""
        self._istiods: dict[str, Istiod] = {}

    async def replicas(self) -> list[Replica]:
        """What each running istiod tells; one entry with the reason where nobody may list them."""
        cluster = await self._target.cluster()
        try:
            if self._places is None:
                self._places = await self._read_places(cluster)
            listed = [await replicas.running(cluster, *each) for each in self._places.items()]
        except k8s.Refused as error:
            return [Replica(name="istiod", problem=error.failure.what[:500])]
        istiods = [each for several in listed for each in several]
        answers = await replicas.every(istiods, lambda each: replicas.counted(cluster, each))
        self._istiods = {_name(each): each for each in answers}
        return told(answers)

    async def unread(self, replica: Replica, versions: Mapping[ResourceRef, str]) -> list[ResourceRef]:
        """Which of these objects its store does not show as they are."""
        wanted = {ref: version for ref, version in versions.items() if _KEPT.fullmatch(ref.group)}
        if not wanted:
            return []
        cluster, istiod = await self._target.cluster(), self._istiods[replica.name]
        try:
            stored = _STORED.decode(await istiod.port_in(cluster).get(_STORE, timeout=_SECONDS)) or []
        except (k8s.Refused, msgspec.DecodeError):
            return []  # it does not show its store: what it sends must do
        there = {each.ref: each.metadata.resource_version for each in stored}
        return sorted(ref for ref, version in wanted.items() if not _has_read(there.get(ref), version))

    async def _read_places(self, cluster: k8s.Cluster) -> dict[str, list[str]]:
        record = await (await Installations.open(self._target.scope.runtime)).get(self._target.mesh)
        if record:
            return {record.namespace: [shown(each) for each in revisions(record)]}
        places: dict[str, list[str]] = {}
        for plane in await control_planes.control_planes(cluster):
            places.setdefault(plane.namespace, []).append(plane.revision)
        return places


def told(istiods: Sequence[Istiod]) -> list[Replica]:
    """What istiods said, each with the proxies that it serves."""
    served: dict[str, list[Proxy]] = {}
    for sync, istiod in replicas.merged(istiods).values():
        served.setdefault(_name(istiod), []).append(proxy(sync))
    return [
        Replica(
            name=_name(each), proxies=served.get(_name(each), []), problem=each.problem, gathers=each.gathers,
            gathers_at_most=each.gathers_at_most, work=each.work,
        )
        for each in istiods
    ]  # fmt: skip


def proxy(sync: syncz.ProxySync) -> Proxy:
    """One proxy."""
    answers = {
        name: Answer(
            sent=position(each.sent),
            acked=position(each.acked),
            is_pending=each.sent != each.acked,
            error=each.last_error,
            changes_by_itself=name in _BY_THEMSELVES,
        )
        for name, each in syncz.statuses(sync).items()
    }
    return Proxy(name=f"{sync.namespace}/{sync.name}", answers=answers)


def position(nonce: str) -> str:
    """The push that a nonce is of, so that later ones are greater as text; empty where it does not say."""
    push = _PUSH.fullmatch(syncz.push_of(nonce))
    return f"{push['time']} {push['number']:0>12}" if push else ""


def _has_read(there: str | None, version: str) -> bool:
    if not version or there is None:
        return there is None and not version
    if there.isdecimal() and version.isdecimal():
        return int(there) >= int(version)
    return there == version


def _name(istiod: Istiod) -> str:
    return f"{istiod.namespace}/{istiod.name}"
