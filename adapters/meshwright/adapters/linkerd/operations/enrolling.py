"""Enrolling and withdrawing namespaces and workloads, by the annotation that Linkerd's injector goes by."""

from collections.abc import Sequence
from typing import Any

from meshwright.adapters.linkerd import observing, planes, words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.enrolment.injecting import Injection
from meshwright.core.kit.kubernetes.enrolment.plans import Plan
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads
from meshwright.schemas.workloads import AnyEnrolment, AnyMember

INJECTION = Injection(
    mesh="Linkerd",
    part="annotations",
    mark=words.INJECT,
    injected=words.INJECTED,
    is_injected=observing.is_injected,
)


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
    return await INJECTION.plan(cluster, members, await _planes(cluster), joined=True)


async def leaving(cluster: k8s.Cluster, members: Sequence[AnyMember]) -> Plan:
    """The plan of withdrawing these. Raises Reject with all that stands in the way, KubernetesError."""
    return await INJECTION.plan(cluster, members, await _planes(cluster), joined=False)


async def _planes(cluster: k8s.Cluster) -> set[str]:
    return {each.namespace for each in await planes.read(cluster)}
