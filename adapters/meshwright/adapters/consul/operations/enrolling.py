"""Enrolling and withdrawing, as operations."""

from typing import Any

from meshwright.adapters.consul.adapter import adapter
from meshwright.adapters.consul.cluster.enrolling import joining, leaving
from meshwright.core import kit
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads


@adapter.operation(EnrolWorkloads)
async def enrol(ctx: kit.Context, arguments: EnrolWorkloads) -> dict[str, Any]:
    """Have namespaces or workloads take part, by proxies; their pods are started anew, one workload after another."""
    return await plans.take(ctx, lambda cluster: joining(cluster, arguments.workloads), joined=True)


@adapter.operation(WithdrawWorkloads)
async def withdraw(ctx: kit.Context, arguments: WithdrawWorkloads) -> dict[str, Any]:
    """Take namespaces or workloads out of the mesh; their pods are started anew, one workload after another."""
    return await plans.take(ctx, lambda cluster: leaving(cluster, arguments.workloads), joined=False)
