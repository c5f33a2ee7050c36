"""Enrolling and withdrawing namespaces and workloads, by the annotation that Linkerd's injector goes by.

Problem: the injector gives a proxy to new pods alone, and the annotation of a pod counts more than its namespace's.
Invariant: everything that stands in the way is told at once, by the place where it was asked for, before anything is
changed; what goes on as it is, is told with the reason.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from meshwright.adapters.linkerd import observing, planes, words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import failures, plans, workloads
from meshwright.core.kit.kubernetes.enrolment.plans import Change, Left, Plan
from meshwright.core.kit.kubernetes.enrolment.workloads import Controller
from meshwright.schemas import operations
from meshwright.schemas.designs import Preview
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ControllerMember, NamespaceMember

_CLUSTERS_OWN = ("kube-system", "kube-public", "kube-node-lease")
_OTHERS = {"istio-injection": "Istio", "istio.io/rev": "Istio", "istio.io/dataplane-mode": "Istio",
           "kuma.io/sidecar-injection": "Kuma"}  # fmt: skip
_NOT = ("disabled", "false", "none")
Marks = Mapping[str, str]


@adapter.operation(EnrolWorkloads)
async def enrol(ctx: kit.Context, arguments: EnrolWorkloads) -> dict[str, Any]:
    """Have namespaces or workloads take part, by proxies; restarted when asked, one by one."""
    return await plans.carry_out(ctx, lambda cluster: joining(cluster, arguments.workloads), joined=True)


@adapter.operation(WithdrawWorkloads)
async def withdraw(ctx: kit.Context, arguments: WithdrawWorkloads) -> dict[str, Any]:
    """Take namespaces or workloads out of the mesh; restarted when asked, one by one."""
    return await plans.carry_out(ctx, lambda cluster: leaving(cluster, arguments.workloads), joined=False)


@adapter.preview
async def preview(context: kit.PreviewContext) -> Preview | None:
    """The marks and restarts that enrolling or withdrawing would bring. Raises kit.Reject as the operation would."""
    command = context.command
    target = k8s.KubernetesTarget(kit.Scope(context.runtime, context.service(object), kit.MeshRef.of(command)))
    if command.kind == EnrolWorkloads.kind.name:
        joiners = operations.arguments_of(command, EnrolWorkloads).workloads
        return plans.preview(await joining(await target.cluster(), joiners))
    if command.kind == WithdrawWorkloads.kind.name:
        leavers = operations.arguments_of(command, WithdrawWorkloads).workloads
        return plans.preview(await leaving(await target.cluster(), leavers))
    return None


async def joining(cluster: k8s.Cluster, members: Sequence[AnyEnrolment]) -> Plan:
    """The plan of enrolling these. Raises Reject with all that stands in the way, KubernetesError."""
    return await _plan(cluster, members, joined=True)


async def leaving(cluster: k8s.Cluster, members: Sequence[AnyMember]) -> Plan:
    """The plan of withdrawing these. Raises Reject with all that stands in the way, KubernetesError."""
    return await _plan(cluster, members, joined=False)


def of_namespace(annotations: Marks, *, joined: bool) -> dict[str, str | None]:
    """What changes on a namespace so that it takes part, or does not."""
    now = annotations.get(words.INJECT, "")
    if joined:
        return {} if now in words.INJECTED else {words.INJECT: "enabled"}
    return {words.INJECT: None} if now in words.INJECTED else {}


def of_pods(pods: Marks, namespace: Marks, *, joined: bool) -> dict[str, str | None]:
    """What changes on the pods of a workload so that they take part, or do not, whatever their namespace does."""
    if observing.is_injected(pods, namespace) is joined:
        return {}
    by_namespace = observing.is_injected({}, namespace) is joined
    return {words.INJECT: None if by_namespace else "enabled" if joined else "disabled"}


async def _plan(cluster: k8s.Cluster, members: Sequence[AnyEnrolment | AnyMember], *, joined: bool) -> Plan:
    there = {each.namespace for each in await planes.read(cluster)}
    plan, problems = Plan(), list[FieldError]()
    if joined and not there:
        problems.append(FieldError(detail="there is no Linkerd in the cluster: install it first", pointer="#"))
    for index, member in enumerate(members):
        pointer = f"#/workloads/{index}"
        if not isinstance(member, NamespaceMember | ControllerMember):
            detail = "Linkerd takes namespaces and workloads of Kubernetes: a process has no place in it"
            problems.append(FieldError(detail=detail, pointer=pointer))
            continue
        place = await cluster.find(ResourceRef(kind="Namespace", name=member.namespace))
        own = _obstacles(member, place, there, joined=joined)
        problems += [FieldError(detail=each, pointer=pointer) for each in own]
        if own or place is None:
            continue
        marks = k8s.annotations_of(place)
        if isinstance(member, NamespaceMember):
            plan = await _with_namespace(cluster, plan, member, marks, joined=joined)
        else:
            plan, wrong = await _with_controller(cluster, plan, member, marks, joined=joined)
            problems += [FieldError(detail=wrong, pointer=pointer)] if wrong else []
    if problems:
        raise failures.cannot_enrol(problems)
    return plan


def _obstacles(
    member: NamespaceMember | ControllerMember, place: dict[str, Any] | None, there: set[str], *, joined: bool
) -> list[str]:
    if place is None:
        return [f"there is no namespace {member.namespace}"]
    if member.namespace in _CLUSTERS_OWN or member.namespace in there:
        return [f"{member.namespace} is the cluster's or Linkerd's own"]
    if not joined:
        return []
    told = []
    if member.mode == "ambient" or member.revision or getattr(member, "waypoint", ""):
        told.append("Linkerd has proxies beside pods alone: no ambient, no revisions, no waypoints")
    for mark, mesh in _OTHERS.items():
        if (value := k8s.labels_of(place).get(mark, "")) and value not in _NOT:
            told.append(f"{member.namespace} is enrolled in {mesh} ({mark}): withdraw it there first")
    return told


async def _with_namespace(
    cluster: k8s.Cluster, plan: Plan, member: NamespaceMember, marks: Marks, *, joined: bool
) -> Plan:
    ref = ResourceRef(kind="Namespace", name=member.namespace)
    after = of_namespace(marks, joined=joined)
    changes, restarts, left = [*plan.changes], [*plan.restarts], [*plan.left]
    if after:
        changes.append(Change(ref=ref, before=_before(marks, after), after=after, part="annotations"))
    for one in await workloads.of_namespace(cluster, member.namespace):
        because = _stays(one, member, joined=joined)
        if because:
            left.append(Left(ref=one.ref, because=because))
        elif one.ref not in restarts:
            restarts.append(one.ref)
    for pod in await workloads.bare_pods(cluster, member.namespace):
        left.append(Left(ref=pod, because="no controller would make it anew: delete it, and make it again"))
    return Plan(changes=changes, restarts=restarts, left=left)


def _stays(one: Controller, member: NamespaceMember, *, joined: bool) -> str:
    """Why a workload of a namespace is not restarted; empty: it is."""
    own = one.annotations.get(words.INJECT, "")
    if own and (own in words.INJECTED) is not joined:
        return f"its own annotation {words.INJECT}={own} counts more than its namespace's"
    return "" if member.restart else "it was not restarted, as nobody asked: its pods go on as they are"


async def _with_controller(
    cluster: k8s.Cluster, plan: Plan, member: ControllerMember, marks: Marks, *, joined: bool
) -> tuple[Plan, str]:
    """The plan with one workload, or what stands in its way."""
    body = await cluster.find(workloads.reference(member.namespace, member.kind, member.name))
    if body is None:
        return plan, f"there is no {member.kind} {member.name} in {member.namespace}"
    one = workloads.controller(body)
    after = of_pods(one.annotations, marks, joined=joined)
    if after and one.obstacle:
        return plan, f"{one.ref}: {one.obstacle}"
    if after and not member.restart:
        return plan, "an annotation on the pods of a workload starts them anew: say restart"
    if after:
        before = _before(one.annotations, after)
        change = Change(ref=one.ref, before=before, after=after, part="annotations", in_template=True)
        plan = msgspec.structs.replace(plan, changes=[*plan.changes, change])
    if member.restart and one.ref not in plan.restarts:
        plan = msgspec.structs.replace(plan, restarts=[*plan.restarts, one.ref])
    return plan, ""


def _before(marks: Marks, after: Mapping[str, str | None]) -> dict[str, str | None]:
    return {key: marks.get(key) for key in after}
