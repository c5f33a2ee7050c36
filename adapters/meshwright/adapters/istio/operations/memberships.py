"""What enrolling or withdrawing means for a cluster as it is: which labels change, what is restarted, what is left.

Invariant: everything that stands in the way is told at once, by the place where it was asked for, before anything is
changed; nothing here changes anything.
"""

import functools
from collections.abc import Collection, Mapping, Sequence

from meshwright.adapters.istio.charts.profiles import DEFAULT_REVISION, is_ambient
from meshwright.adapters.istio.enrolment import marks, waypoints
from meshwright.adapters.istio.enrolment.marks import Part
from meshwright.adapters.istio.operations import control_planes
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.enrolment.members import Planning
from meshwright.core.kit.kubernetes.enrolment.plans import Left
from meshwright.core.kit.kubernetes.enrolment.workloads import Controller
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ControllerMember, NamespaceMember


class Waypoint(Model, frozen=True, kw_only=True):
    """A waypoint to make, or with its UID one to remove."""

    namespace: str
    name: str
    revision: str = ""
    uid: str = ""

    @property
    def ref(self) -> ResourceRef:
        """Its Gateway."""
        return waypoints.reference(self.namespace, self.name)


class Plan(plans.Plan, frozen=True, kw_only=True):
    """All of it, in order."""

    waypoints: list[Waypoint] = []
    """those that come first"""
    unused: list[Waypoint] = []
    """those that go at the end"""


class _Facts(Model, frozen=True, kw_only=True):
    """What is asked of the cluster once."""

    planes: list[control_planes.ControlPlane]
    tags: list[control_planes.Tag]
    ztunnel: bool
    gateway_api: bool
    ambient: bool

    @property
    def revisions(self) -> dict[str, str]:
        """Revisions by the names under which namespaces can follow them."""
        return {each.revision: each.revision for each in self.planes} | {e.name: e.revision for e in self.tags}


async def joining(cluster: k8s.Cluster, record: Installation | None, members: Sequence[AnyEnrolment]) -> Plan:
    """The plan of enrolling these. Raises Reject with all that stands in the way, KubernetesError."""
    facts, made = await _facts(cluster, record), list[Waypoint]()
    planning = _planning(cluster, facts, joined=True)
    for index, member in enumerate(members):
        pointer = f"#/workloads/{index}"
        place = await planning.place_of(member, pointer)
        if place is None or not isinstance(member, NamespaceMember | ControllerMember):
            continue
        labels = k8s.labels_of(place)
        try:
            part = _part(member, facts)
        except ValueError as error:
            planning.refuse(pointer, str(error))
            continue
        if against := _part_problems(member, part, facts, labels):
            planning.refuse(pointer, *against)
        elif isinstance(member, ControllerMember):
            await planning.mark_workload(
                member, functools.partial(marks.joining_pods, part=part, namespace=labels), pointer
            )
        else:
            made += await _new_waypoint(cluster, member, part)
            planning.mark_namespace(place, marks.joining_namespace(labels, part))
            if not part.ambient:
                await planning.restart_members(member, functools.partial(_stays, injected="false"))
    return _plan(planning, waypoints=made)


async def leaving(cluster: k8s.Cluster, members: Sequence[AnyMember]) -> Plan:
    """The plan of withdrawing these. Raises Reject with all that stands in the way, KubernetesError."""
    planning, named = _planning(cluster, await _facts(cluster, None), joined=False), dict[str, str | None]()
    for index, member in enumerate(members):
        pointer = f"#/workloads/{index}"
        place = await planning.place_of(member, pointer)
        labels = k8s.labels_of(place or {})
        if place and isinstance(member, NamespaceMember):
            planning.mark_namespace(place, marks.leaving_namespace(labels))
            named[member.namespace] = marks.waypoint_of(labels, member.namespace)
            await planning.restart_members(member, functools.partial(_stays, injected="true"))
        elif place and isinstance(member, ControllerMember):
            await planning.mark_workload(member, functools.partial(marks.leaving_pods, namespace=labels), pointer)
    unused: list[Waypoint] = []
    for waypoint in sorted({each for each in named.values() if each}):
        unused += await _unused_waypoint(cluster, planning, waypoint, leaving=named.keys())
    return _plan(planning, unused=unused)


def _planning(cluster: k8s.Cluster, facts: _Facts, *, joined: bool) -> Planning:
    return Planning(cluster, "Istio", {each.namespace for each in facts.planes}, "labels", joined=joined)


def _plan(planning: Planning, **waypoints: list[Waypoint]) -> Plan:
    plan = planning.plan()
    return Plan(changes=plan.changes, restarts=plan.restarts, left=plan.left, **waypoints)


def _stays(one: Controller, injected: str) -> str:
    """The label by which a workload does otherwise than its namespace."""
    return f"label {marks.INJECT}={injected}" if one.labels.get(marks.INJECT) == injected else ""


async def _new_waypoint(cluster: k8s.Cluster, member: NamespaceMember, part: Part) -> list[Waypoint]:
    """The waypoint that a namespace is to have and has not."""
    if not part.waypoint or await cluster.find(waypoints.reference(member.namespace, part.waypoint)):
        return []
    return [Waypoint(namespace=member.namespace, name=part.waypoint, revision=member.revision)]


async def _unused_waypoint(
    cluster: k8s.Cluster, planning: Planning, waypoint: str, leaving: Collection[str]
) -> list[Waypoint]:
    """A waypoint (`namespace/name`) that some namespaces leave, where nobody else needs it."""
    ref = waypoints.reference(*waypoint.split("/"))
    live = await cluster.find(ref)
    if live is None:
        return []
    if because := await waypoints.needed_because(cluster, live, leaving):
        planning.left.append(Left(ref=ref, because=f"the waypoint stays: {because}"))
        return []
    revision = k8s.labels_of(live).get(marks.REVISION, "")
    return [Waypoint(namespace=ref.namespace, name=ref.name, revision=revision, uid=str(live["metadata"]["uid"]))]


async def _facts(cluster: k8s.Cluster, record: Installation | None) -> _Facts:
    planes = await control_planes.control_planes(cluster)
    ztunnel = [item async for item in cluster.list("apps", "DaemonSet", labels={"app.kubernetes.io/name": "ztunnel"})]
    served = {(each.group, each.kind) for each in await cluster.discovery.all()}
    return _Facts(
        planes=planes,
        tags=await control_planes.tags(cluster),
        ztunnel=bool(ztunnel),
        gateway_api=waypoints.GATEWAY in served,
        ambient=is_ambient(record.profile) if record else False,
    )


def _part(member: NamespaceMember | ControllerMember, facts: _Facts) -> Part:
    """How a member is to take part. Raises ValueError with the reason when there is no such way."""
    waypoint = member.waypoint if isinstance(member, NamespaceMember) else ""
    ambient = member.mode == "ambient" or (member.mode == "" and (facts.ambient or bool(waypoint)))
    if ambient:
        return Part(ambient=True, waypoint=waypoint)
    if waypoint:
        raise ValueError("a waypoint is for ambient: leave it out, or say mode ambient")
    revisions = facts.revisions
    if not revisions:
        raise ValueError("there is no Istio in the cluster")
    if member.revision:
        if member.revision not in revisions:
            raise ValueError(f"there is no revision or tag {member.revision}: {', '.join(sorted(revisions))} are there")
        plain = member.revision == DEFAULT_REVISION
        return Part(revision="" if plain else member.revision)
    if DEFAULT_REVISION in revisions:
        return Part()
    if len(revisions) == 1:
        return Part(revision=next(iter(revisions)))
    raise ValueError(f"say which revision or tag it is to follow: {', '.join(sorted(revisions))}")


def _part_problems(
    member: NamespaceMember | ControllerMember, part: Part, facts: _Facts, labels: Mapping[str, str]
) -> list[str]:
    problems = []
    if part.ambient and not facts.ztunnel:
        problems.append("there is no ztunnel in the cluster: install Istio with profile ambient, or say mode sidecar")
    if part.waypoint and not facts.gateway_api:
        problems.append("a waypoint needs the definitions of the Gateway API, which are missing")
    now = marks.takes_part(labels)
    follows = now.revision if now and now.revision in facts.revisions and not (part.ambient or member.revision) else ""
    if follows not in ("", part.revision):
        problems.append(f"{member.namespace} follows revision {follows}: say the revision that it is to follow")
    if isinstance(member, ControllerMember) and labels.get(marks.INJECTION) == "disabled" and not part.ambient:
        problems.append(f"{member.namespace} says {marks.INJECTION}=disabled, which counts for all of its pods")
    return problems
