"""Enrolling and withdrawing by one mark that an injector goes by: a label or an annotation of namespaces and pods.

Problem: the injector gives a proxy to new pods alone, and the mark of a pod counts more than its namespace's.
Invariant: everything that stands in the way is told at once, by the place where it was asked for, before anything is
changed; what goes on as it is, is told with the reason. What marks mean is an adapter's to say.
"""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec

from meshwright.core.kit.kubernetes import objects
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.enrolment.members import Planning
from meshwright.core.kit.kubernetes.enrolment.plans import Part, Plan
from meshwright.core.kit.kubernetes.enrolment.workloads import Controller
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ControllerMember, NamespaceMember

Marks: TypeAlias = Mapping[str, str]
Changes: TypeAlias = dict[str, str | None]


class Injection(msgspec.Struct, frozen=True, kw_only=True):
    """How one mesh is joined."""

    mesh: str
    """for people"""
    part: Part
    mark: str
    injected: Collection[str]
    """the values of the mark that ask for a proxy"""
    is_injected: Callable[[Marks, Marks], bool]
    """whether new pods with these marks get a proxy in a namespace with those"""
    needs_namespace: bool = False
    """whether the mark of a pod counts in namespaces alone that have the mark, whatever it says"""

    def of_namespace(self, marks: Marks, *, joined: bool) -> Changes:
        """What changes on a namespace so that it takes part, or does not."""
        now = marks.get(self.mark, "")
        if joined:
            return {} if now in self.injected else {self.mark: "enabled"}
        return {self.mark: None} if now in self.injected else {}

    def of_pods(self, pods: Marks, namespace: Marks, *, joined: bool) -> Changes:
        """What changes on the pods of a workload so that they take part, or do not, whatever their namespace does."""
        if self.is_injected(pods, namespace) is joined:
            return {}
        by_namespace = self.is_injected({}, namespace) is joined
        return {self.mark: None if by_namespace else "enabled" if joined else "disabled"}

    async def plan(
        self,
        cluster: Cluster,
        members: Sequence[AnyEnrolment | AnyMember],
        planes: Collection[str],
        *,
        joined: bool,
    ) -> Plan:
        """The plan for these; `planes` are the namespaces of control planes.

        Raises Reject with all that stands in the way, KubernetesError.
        """
        planning = Planning(cluster, self.mesh, planes, self.part, joined=joined)
        if joined and not planes:
            planning.refuse("#", f"there is no {self.mesh} in the cluster: install it first")
        for index, member in enumerate(members):
            await self._plan_one(planning, member, f"#/workloads/{index}", joined=joined)
        return planning.plan()

    async def _plan_one(
        self, planning: Planning, member: AnyEnrolment | AnyMember, pointer: str, *, joined: bool
    ) -> None:
        place = await planning.place_of(member, pointer)
        if place is None or not isinstance(member, NamespaceMember | ControllerMember):
            return
        marks = objects.marks_of(place, self.part)
        if joined and (member.mode == "ambient" or member.revision or getattr(member, "waypoint", "")):
            what = f"{self.mesh} has proxies beside pods alone: no ambient, no revisions, no waypoints"
            planning.refuse(pointer, what)
        elif isinstance(member, NamespaceMember):
            planning.mark_namespace(place, self.of_namespace(marks, joined=joined))
            await planning.restart_members(member, functools.partial(self._stays, joined=joined))
        else:
            if joined and self.needs_namespace and self.mark not in marks:
                marks = {**marks, self.mark: "disabled"}
                planning.mark_namespace(place, {self.mark: "disabled"})
            change = functools.partial(self.of_pods, namespace=marks, joined=joined)
            await planning.mark_workload(member, change, pointer)

    def _stays(self, one: Controller, *, joined: bool) -> str:
        """The mark by which a workload does otherwise than its namespace."""
        own = (one.labels if self.part == "labels" else one.annotations).get(self.mark, "")
        word = "label" if self.part == "labels" else "annotation"
        return f"{word} {self.mark}={own}" if own and (own in self.injected) is not joined else ""
