"""Enrolling and withdrawing namespaces and workloads, by the annotation that Linkerd's injector goes by.

Problem: the injector gives a proxy to new pods alone, and the annotation of a pod counts more than its namespace's.
Invariant: everything that stands in the way is told at once, by the place where it was asked for, before anything is
changed; what goes on as it is, is told with the reason.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from meshwright.adapters.linkerd import observing, planes, words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.enrolment.members import Planning
from meshwright.core.kit.kubernetes.enrolment.plans import Plan
from meshwright.core.kit.kubernetes.enrolment.workloads import Controller
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ControllerMember, NamespaceMember

Marks = Mapping[str, str]


@adapter.operation(EnrolWorkloads)
async def enrol(ctx: kit.Context, arguments: EnrolWorkloads) -> dict[str, Any]:
    """Have namespaces or workloads take part, by proxies; restarted when asked, one by one."""
    return await plans.take(ctx, lambda cluster: joining(cluster, arguments.workloads), joined=True)


@adapter.operation(WithdrawWorkloads)
async def withdraw(ctx: kit.Context, arguments: WithdrawWorkloads) -> dict[str, Any]:
    """Take namespaces or workloads out of the mesh; restarted when asked, one by one."""
    return await plans.take(ctx, lambda cluster: leaving(cluster, arguments.workloads), joined=False)


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
    planning = Planning(cluster, "Linkerd", there, "annotations", joined=joined)
    if joined and not there:
        planning.refuse("#", "there is no Linkerd in the cluster: install it first")
    for index, member in enumerate(members):
        pointer = f"#/workloads/{index}"
        place = await planning.place_of(member, pointer)
        if place is None or not isinstance(member, NamespaceMember | ControllerMember):
            continue
        marks = k8s.annotations_of(place)
        if joined and (member.mode == "ambient" or member.revision or getattr(member, "waypoint", "")):
            planning.refuse(pointer, "Linkerd has proxies beside pods alone: no ambient, no revisions, no waypoints")
        elif isinstance(member, NamespaceMember):
            planning.mark_namespace(place, of_namespace(marks, joined=joined))
            await planning.restart_members(member, functools.partial(_stays, joined=joined))
        else:
            await planning.mark_workload(member, functools.partial(of_pods, namespace=marks, joined=joined), pointer)
    return planning.plan()


def _stays(one: Controller, *, joined: bool) -> str:
    """The annotation by which a workload does otherwise than its namespace."""
    own = one.annotations.get(words.INJECT, "")
    return f"annotation {words.INJECT}={own}" if own and (own in words.INJECTED) is not joined else ""
