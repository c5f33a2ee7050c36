"""From what somebody asks to enrol or withdraw to a plan: which marks change, what is restarted, what is left.

Problem: whoever enrols ten namespaces wants to hear of all that stands in the way at once. Invariant: each obstacle is
told by the place where it was asked for, and nothing here changes anything. Which marks count is an adapter's to say.
"""

from collections.abc import Callable, Collection, Mapping

from meshwright.core.kit.kubernetes import objects
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.enrolment import plans, workloads
from meshwright.core.kit.kubernetes.enrolment.failures import cannot_enrol
from meshwright.core.kit.kubernetes.enrolment.marking import Marks
from meshwright.core.kit.kubernetes.enrolment.plans import Change, Left, Part, Plan
from meshwright.core.kit.kubernetes.enrolment.workloads import Controller
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ControllerMember, NamespaceMember

_CLUSTERS_OWN = ("kube-system", "kube-public", "kube-node-lease")
_MESHES = {
    "istio-injection": "Istio", "istio.io/rev": "Istio", "istio.io/dataplane-mode": "Istio",
    "linkerd.io/inject": "Linkerd", "kuma.io/sidecar-injection": "Kuma",
}  # fmt: skip
"""the marks on namespaces by which meshes go"""
_OUT = ("", "disabled", "false", "none")


class Planning:
    """A plan while it is made. `mesh` is for people, `own` are the namespaces of its control planes."""

    def __init__(self, cluster: Cluster, mesh: str, own: Collection[str], part: Part, *, joined: bool) -> None:
        self._cluster = cluster
        self._mesh = mesh
        self._own = own
        self._part: Part = part
        self._joined = joined
        self.changes: list[Change] = []
        self.restarts: list[ResourceRef] = []
        self.left: list[Left] = []
        self.problems: list[FieldError] = []

    def refuse(self, pointer: str, *details: str) -> None:
        """Something stands in the way."""
        self.problems += [FieldError(detail=each, pointer=pointer) for each in details]

    def plan(self) -> Plan:
        """All of it. Raises Reject with all that stands in the way."""
        if self.problems:
            raise cannot_enrol(self.problems)
        return Plan(changes=self.changes, restarts=self.restarts, left=self.left)

    async def place_of(self, member: AnyEnrolment | AnyMember, pointer: str) -> Body | None:
        """The namespace of a member; None, and told, where it can take no part. Raises KubernetesError."""
        if not isinstance(member, NamespaceMember | ControllerMember):
            self.refuse(
                pointer, f"{self._mesh} takes namespaces and workloads of Kubernetes: a process has no place in it"
            )
            return None
        place = await self._cluster.find(ResourceRef(kind="Namespace", name=member.namespace))
        if place is None:
            self.refuse(f"{pointer}/namespace", f"there is no namespace {member.namespace}")
        elif member.namespace in _CLUSTERS_OWN or member.namespace in self._own:
            self.refuse(f"{pointer}/namespace", f"{member.namespace} is the cluster's or {self._mesh}'s own")
        elif others := self._others(place):
            self.refuse(pointer, *others)
        else:
            return place
        return None

    def mark_namespace(self, place: Body, after: Marks, part: Part | None = None) -> None:
        """These marks of a namespace change."""
        if after:
            before = objects.marks_of(place, part or self._part)
            self.changes.append(plans.change(objects.reference_of(place), before, after, part or self._part))

    async def restart_members(self, member: NamespaceMember, stays: Callable[[Controller], str]) -> None:
        """What of a namespace is restarted, and what goes on as it is; `stays` says by which mark of its own.

        Raises KubernetesError.
        """
        for one in await workloads.of_namespace(self._cluster, member.namespace):
            if mark := stays(one):
                self.left.append(Left(ref=one.ref, because=f"its own {mark} counts more than its namespace's"))
            elif not member.restart:
                because = "it was not restarted, as nobody asked: its pods go on as they are"
                self.left.append(Left(ref=one.ref, because=because))
            else:
                self._restart(one.ref)
        for pod in await workloads.bare_pods(self._cluster, member.namespace):
            because = "no controller would make it anew: delete it, and make it again"
            self.left.append(Left(ref=pod, because=because))

    async def mark_members(
        self, member: NamespaceMember, marks: Callable[[Controller], Marks], pointer: str, *, needed: bool
    ) -> None:
        """Marks of the pods of all workloads of a namespace change; `needed`: they take no part, or still do, without.

        Raises KubernetesError.
        """
        for one in await workloads.of_namespace(self._cluster, member.namespace):
            if member.restart or (needed and marks(one)):
                self.mark_pods(one, marks(one), pointer, restart=member.restart)
        for pod in await workloads.bare_pods(self._cluster, member.namespace):
            because = "no controller would make it anew: delete it, and make it again"
            self.left.append(Left(ref=pod, because=because))

    async def mark_workload(
        self, member: ControllerMember, marks: Callable[[Mapping[str, str]], Marks], pointer: str
    ) -> None:
        """Marks of a workload's pods change, by those that they have. Raises KubernetesError."""
        one = await self.workload(member, pointer)
        if one is not None:
            before = one.labels if self._part == "labels" else one.annotations
            self.mark_pods(one, marks(before), pointer, restart=member.restart)

    async def workload(self, member: ControllerMember, pointer: str) -> Controller | None:
        """A workload as it is; None, and told, where there is none. Raises KubernetesError."""
        body = await self._cluster.find(workloads.reference(member.namespace, member.kind, member.name))
        if body is None:
            self.refuse(f"{pointer}/name", f"there is no {member.kind} {member.name} in {member.namespace}")
        return workloads.controller(body) if body else None

    def mark_pods(self, one: Controller, after: Marks, pointer: str, *, restart: bool) -> None:
        """These marks of a workload's pods change, which starts them anew."""
        if after and one.obstacle:
            self.refuse(pointer, f"{one.ref}: {one.obstacle}")
            return
        if after and not restart:
            what = "a label" if self._part == "labels" else "an annotation"
            self.refuse(f"{pointer}/restart", f"{what} on the pods of a workload starts them anew: say restart")
            return
        if after:
            before = one.labels if self._part == "labels" else one.annotations
            self.changes.append(plans.change(one.ref, before, after, self._part, in_template=True))
        if restart:
            self._restart(one.ref)

    def _others(self, place: Body) -> list[str]:
        """The other meshes that a namespace takes part in."""
        if not self._joined:
            return []
        marks = {**objects.labels_of(place), **objects.annotations_of(place)}
        name = objects.name_of(place)
        return [
            f"{name} is enrolled in {mesh} ({mark}): withdraw it there first"
            for mark, mesh in _MESHES.items()
            if mesh != self._mesh and marks.get(mark, "") not in _OUT
        ]

    def _restart(self, ref: ResourceRef) -> None:
        if ref not in self.restarts:
            self.restarts.append(ref)
