"""What enrolling and withdrawing would do, told without doing it; designs are the kit's.

Invariant: nothing is changed; what the operation would refuse is told with the same words.
"""

from meshwright.adapters.consul.adapter import adapter
from meshwright.adapters.consul.cluster.enrolling import joining, leaving
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.schemas import operations
from meshwright.schemas.designs import Preview
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads


@adapter.preview
async def preview(context: kit.PreviewContext) -> Preview | None:
    """The objects that would change; None for what cannot be told. Raises kit.Reject as the operation would."""
    command = context.command
    scope = kit.Scope(context.runtime, context.service(object), kit.MeshRef.of(command))
    if command.kind == EnrolWorkloads.kind.name:
        joiners = operations.arguments_of(command, EnrolWorkloads).workloads
        return plans.preview(await joining(await k8s.cluster_of(scope), joiners))
    if command.kind == WithdrawWorkloads.kind.name:
        leavers = operations.arguments_of(command, WithdrawWorkloads).workloads
        return plans.preview(await leaving(await k8s.cluster_of(scope), leavers))
    return None
