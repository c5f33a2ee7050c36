"""What enrolling or withdrawing means for a cluster as it is: which labels change, what is restarted, what is left.

Invariant: everything that stands in the way is told at once, by the place where it was asked for, before anything is
changed; nothing here changes anything.
"""

from collections.abc import Collection, Sequence

import msgspec

from meshwright.adapters.istio.charts.profiles import DEFAULT_REVISION, is_ambient
from meshwright.adapters.istio.enrolment import marks, waypoints
from meshwright.adapters.istio.enrolment.marks import Part
from meshwright.adapters.istio.operations import control_planes
from meshwright.adapters.istio.operations.control_planes import NamespaceState
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import workloads
from meshwright.core.kit.kubernetes.enrolment.failures import cannot_enrol
from meshwright.core.kit.kubernetes.enrolment.workloads import Controller
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.base import Model
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ControllerMember, NamespaceMember

_OTHER_MESHES = {"linkerd.io/inject": "Linkerd", "kuma.io/sidecar-injection": "Kuma"}
_CLUSTERS_OWN = ("kube-system", "kube-public", "kube-node-lease")


class Change(Model, frozen=True, kw_only=True):
    """Labels of one object; None: taken away. Those of a controller are its pods'."""

    ref: ResourceRef
    before: dict[str, str | None]
    after: dict[str, str | None]
    in_template: bool = False


class Left(Model, frozen=True, kw_only=True):
    """What goes on as it is, and why."""

    ref: ResourceRef
    because: str


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


class Plan(Model, frozen=True, kw_only=True):
    """All of it, in order."""

    changes: list[Change] = []
    waypoints: list[Waypoint] = []
    restarts: list[ResourceRef] = []
    unused: list[Waypoint] = []
    """those that go at the end"""
    left: list[Left] = []


class _Facts(Model, frozen=True, kw_only=True):
    """What is asked of the cluster once."""

    planes: list[control_planes.ControlPlane]
    tags: list[control_planes.Tag]
    namespaces: dict[str, NamespaceState]
    ztunnel: bool
    gateway_api: bool
    ambient: bool

    @property
    def revisions(self) -> dict[str, str]:
        """Revisions by the names under which namespaces can follow them."""
        return {each.revision: each.revision for each in self.planes} | {e.name: e.revision for e in self.tags}


async def joining(cluster: k8s.Cluster, record: Installation | None, members: Sequence[AnyEnrolment]) -> Plan:
    """The plan of enrolling these. Raises Reject with all that stands in the way, KubernetesError."""
    facts = await _facts(cluster, record)
    plan, problems = Plan(), list[FieldError]()
    for index, member in enumerate(members):
        pointer = f"#/workloads/{index}"
        own = _place_problems(member, facts, pointer)
        if not own and isinstance(member, NamespaceMember | ControllerMember):
            try:
                part = _part(member, facts)
            except ValueError as error:
                own = [FieldError(detail=str(error), pointer=pointer)]
            else:
                own = _part_problems(member, part, facts, pointer)
                if not own:
                    plan = await _join(cluster, plan, member, part, facts, own, pointer)
        problems += own
    if problems:
        raise cannot_enrol(problems)
    return plan


async def leaving(cluster: k8s.Cluster, members: Sequence[AnyMember]) -> Plan:
    """The plan of withdrawing these. Raises Reject with all that stands in the way, KubernetesError."""
    facts = await _facts(cluster, None)
    plan, problems, named = Plan(), list[FieldError](), dict[str, str | None]()
    for index, member in enumerate(members):
        pointer = f"#/workloads/{index}"
        own = _place_problems(member, facts, pointer)
        if not own and isinstance(member, NamespaceMember):
            state = facts.namespaces[member.namespace]
            plan = _with(plan, _namespace_change(state, marks.leaving_namespace(state.labels)))
            named[state.name] = marks.waypoint_of(state.labels, state.name)
            plan = await _restarting(cluster, plan, member, taking_part=False)
        elif not own and isinstance(member, ControllerMember):
            one = await _controller(cluster, member)
            change = marks.leaving_pods(one.labels, facts.namespaces[member.namespace].labels) if one else {}
            plan, own = _with_controller(plan, member, one, change, pointer)
        problems += own
    if problems:
        raise cannot_enrol(problems)
    for waypoint in sorted({each for each in named.values() if each}):
        plan = await _without_waypoint(cluster, plan, waypoint, leaving=named.keys())
    return plan


async def _without_waypoint(cluster: k8s.Cluster, plan: Plan, waypoint: str, leaving: Collection[str]) -> Plan:
    """The plan with what becomes of a waypoint (`namespace/name`) that some namespaces leave."""
    ref = waypoints.reference(*waypoint.split("/"))
    live = await cluster.find(ref)
    if live is None:
        return plan
    if because := await waypoints.needed_because(cluster, live, leaving):
        return _with(plan, left=Left(ref=ref, because=f"the waypoint stays: {because}"))
    meta = live["metadata"]
    revision = str((meta.get("labels") or {}).get(marks.REVISION) or "")
    unused = Waypoint(namespace=ref.namespace, name=ref.name, revision=revision, uid=str(meta["uid"]))
    return msgspec.structs.replace(plan, unused=[*plan.unused, unused])


async def _facts(cluster: k8s.Cluster, record: Installation | None) -> _Facts:
    planes = await control_planes.control_planes(cluster)
    states = await control_planes.namespaces(cluster)
    ztunnel = [item async for item in cluster.list("apps", "DaemonSet", labels={"app.kubernetes.io/name": "ztunnel"})]
    served = {(each.group, each.kind) for each in await cluster.discovery.all()}
    return _Facts(
        planes=planes,
        tags=await control_planes.tags(cluster),
        namespaces={each.name: each for each in states},
        ztunnel=bool(ztunnel),
        gateway_api=waypoints.GATEWAY in served,
        ambient=is_ambient(record.profile) if record else False,
    )


def _place_problems(member: AnyEnrolment | AnyMember, facts: _Facts, pointer: str) -> list[FieldError]:
    if not isinstance(member, NamespaceMember | ControllerMember):
        detail = "Istio takes namespaces and workloads of Kubernetes: a process has no place in it"
        return [FieldError(detail=detail, pointer=pointer)]
    state = facts.namespaces.get(member.namespace)
    at = f"{pointer}/namespace"
    if state is None:
        return [FieldError(detail=f"there is no namespace {member.namespace}", pointer=at)]
    if state.name in _CLUSTERS_OWN or state.name in {each.namespace for each in facts.planes}:
        return [FieldError(detail=f"{state.name} is the cluster's or Istio's own", pointer=at)]
    return []


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
    member: NamespaceMember | ControllerMember, part: Part, facts: _Facts, pointer: str
) -> list[FieldError]:
    state, problems = facts.namespaces[member.namespace], []
    if part.ambient and not facts.ztunnel:
        problems.append("there is no ztunnel in the cluster: install Istio with profile ambient, or say mode sidecar")
    if part.waypoint and not facts.gateway_api:
        problems.append("a waypoint needs the definitions of the Gateway API, which are missing")
    for mark, mesh in _OTHER_MESHES.items():
        if {state.labels.get(mark), state.annotations.get(mark)} & {"enabled", "true", "ingress"}:
            problems.append(f"{state.name} is enrolled in {mesh} ({mark}): withdraw it there first")
    now = marks.takes_part(state.labels)
    follows = now.revision if now and now.revision in facts.revisions and not (part.ambient or member.revision) else ""
    if follows not in ("", part.revision):
        problems.append(f"{state.name} follows revision {follows}: say the revision that it is to follow")
    if isinstance(member, ControllerMember) and state.labels.get(marks.INJECTION) == "disabled" and not part.ambient:
        problems.append(f"{state.name} says {marks.INJECTION}=disabled, which counts for all of its pods")
    return [FieldError(detail=each, pointer=pointer) for each in problems]


async def _join(
    cluster: k8s.Cluster,
    plan: Plan,
    member: NamespaceMember | ControllerMember,
    part: Part,
    facts: _Facts,
    problems: list[FieldError],
    pointer: str,
) -> Plan:
    state = facts.namespaces[member.namespace]
    if isinstance(member, ControllerMember):
        one = await _controller(cluster, member)
        change = marks.joining_pods(one.labels, part, state.labels) if one else {}
        plan, own = _with_controller(plan, member, one, change, pointer)
        problems += own
        return plan
    if part.waypoint and await cluster.find(waypoints.reference(state.name, part.waypoint)) is None:
        made = Waypoint(namespace=state.name, name=part.waypoint, revision=member.revision)
        plan = _with(plan, waypoint=made)
    plan = _with(plan, _namespace_change(state, marks.joining_namespace(state.labels, part)))
    return plan if part.ambient else await _restarting(cluster, plan, member, taking_part=True)


async def _controller(cluster: k8s.Cluster, member: ControllerMember) -> Controller | None:
    body = await cluster.find(workloads.reference(member.namespace, member.kind, member.name))
    return workloads.controller(body) if body else None


def _with_controller(
    plan: Plan, member: ControllerMember, one: Controller | None, change: marks.Change, pointer: str
) -> tuple[Plan, list[FieldError]]:
    if one is None:
        detail = f"there is no {member.kind} {member.name} in {member.namespace}"
        return plan, [FieldError(detail=detail, pointer=f"{pointer}/name")]
    if one.obstacle and change:
        return plan, [FieldError(detail=f"{one.ref}: {one.obstacle}", pointer=pointer)]
    if change and not member.restart:
        detail = "a label on the pods of a workload starts them anew: say restart"
        return plan, [FieldError(detail=detail, pointer=f"{pointer}/restart")]
    if change:
        before = {key: one.labels.get(key) for key in change}
        plan = _with(plan, Change(ref=one.ref, before=before, after=change, in_template=True))
    return (_with(plan, restart=one.ref) if member.restart else plan), []


async def _restarting(cluster: k8s.Cluster, plan: Plan, member: NamespaceMember, *, taking_part: bool) -> Plan:
    """What of a namespace is restarted, and what is not and goes on as it is."""
    out = {marks.INJECT: ("false" if taking_part else "true")}
    for one in await workloads.of_namespace(cluster, member.namespace):
        if one.labels.get(marks.INJECT) == out[marks.INJECT]:
            because = f"its own label {marks.INJECT}={out[marks.INJECT]} counts more than its namespace's"
            plan = _with(plan, left=Left(ref=one.ref, because=because))
        elif not member.restart:
            because = "it was not restarted, as nobody asked: its pods go on as they are"
            plan = _with(plan, left=Left(ref=one.ref, because=because))
        else:
            plan = _with(plan, restart=one.ref)
    for pod in await workloads.bare_pods(cluster, member.namespace):
        plan = _with(plan, left=Left(ref=pod, because="no controller would make it anew: delete it, and make it again"))
    return plan


def _namespace_change(state: NamespaceState, change: marks.Change) -> Change | None:
    if not change:
        return None
    before = {key: state.labels.get(key) for key in change}
    return Change(ref=ResourceRef(kind="Namespace", name=state.name), before=before, after=change)


def _with(
    plan: Plan,
    change: Change | None = None,
    *,
    waypoint: Waypoint | None = None,
    restart: ResourceRef | None = None,
    left: Left | None = None,
) -> Plan:
    """A plan with one thing more."""
    restarts = plan.restarts if restart is None or restart in plan.restarts else [*plan.restarts, restart]
    return msgspec.structs.replace(
        plan,
        changes=[*plan.changes, change] if change else plan.changes,
        waypoints=[*plan.waypoints, waypoint] if waypoint else plan.waypoints,
        restarts=restarts,
        left=[*plan.left, left] if left else plan.left,
    )
