"""Enrolling and withdrawing namespaces and workloads, by the label that Kuma's injector goes by.

Problem: a cluster may have several meshes of Kuma's, and pods join the one that a label names. Invariant: members join
the mesh that is managed here; one that is in another is told, and not moved.
"""

from collections.abc import Sequence
from typing import Any

from meshwright.adapters.kuma import observing, planes, status, words
from meshwright.adapters.kuma.adapter import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.enrolment.injecting import Injection
from meshwright.core.kit.kubernetes.enrolment.plans import Change, Plan
from meshwright.core.kit.kubernetes.installing.installation import Installations
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import AnyEnrolment, AnyMember

INJECTION = Injection(
    mesh="Kuma",
    part="labels",
    mark=words.INJECTION,
    injected=words.INJECTED,
    is_injected=observing.is_injected,
    needs_namespace=True,
)


@adapter.operation(EnrolWorkloads)
async def enrol(ctx: kit.Context, arguments: EnrolWorkloads) -> dict[str, Any]:
    """Have namespaces or workloads take part, by proxies; restarted when asked, one by one."""
    name = await mesh_name(ctx.runtime, kit.MeshRef.of(ctx.command))
    return await plans.take(ctx, lambda cluster: joining(cluster, arguments.workloads, name), joined=True)


@adapter.operation(WithdrawWorkloads)
async def withdraw(ctx: kit.Context, arguments: WithdrawWorkloads) -> dict[str, Any]:
    """Take namespaces or workloads out of the mesh; restarted when asked, one by one."""
    return await plans.take(ctx, lambda cluster: leaving(cluster, arguments.workloads), joined=False)


async def mesh_name(runtime: kit.Runtime, mesh: kit.MeshRef) -> str:
    """What Kuma calls a mesh."""
    return status.mesh_name(await (await Installations.open(runtime)).get(mesh))


async def joining(cluster: k8s.Cluster, members: Sequence[AnyEnrolment], name: str) -> Plan:
    """The plan of enrolling these in a mesh. Raises Reject with all that stands in the way, KubernetesError."""
    found = await INJECTION.plan(cluster, members, await _planes(cluster), joined=True)
    changes, problems = [], []
    for index, member in enumerate(members):
        ref = ResourceRef(kind="Namespace", name=getattr(member, "namespace", ""))
        labels = k8s.labels_of(await cluster.find(ref) or {})
        if observing.is_injected({}, labels) and observing.mesh_of({}, labels) != name:
            detail = f"{ref.name} is in the mesh {observing.mesh_of({}, labels)} of Kuma: withdraw it there first"
            problems.append(FieldError(detail=detail, pointer=f"#/workloads/{index}"))
    if problems:
        raise kit.unfit(problems)
    for each in found.changes:
        changes.append(each if name == words.DEFAULT_MESH else _in_mesh(each, name))
    return Plan(changes=changes, restarts=found.restarts, left=found.left)


async def leaving(cluster: k8s.Cluster, members: Sequence[AnyMember]) -> Plan:
    """The plan of withdrawing these. Raises Reject with all that stands in the way, KubernetesError."""
    return await INJECTION.plan(cluster, members, await _planes(cluster), joined=False)


def _in_mesh(change: Change, name: str) -> Change:
    """The same, with the label that names the mesh."""
    before, after = {**change.before, words.MESH: None}, {**change.after, words.MESH: name}
    return Change(ref=change.ref, before=before, after=after, part=change.part, in_template=change.in_template)


async def _planes(cluster: k8s.Cluster) -> set[str]:
    return {each.namespace for each in await planes.read(cluster)}
