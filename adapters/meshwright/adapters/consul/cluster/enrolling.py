"""Enrolling and withdrawing namespaces and workloads, by the annotation that Consul's injector goes by.

Problem: the injector reads annotations of pods alone. A namespace takes part as such only where the chart has it inject
by default into namespaces with a label; elsewhere all workloads of it are meant, as they are now. And Consul tells
versions apart by what an annotation says, not by labels. Invariant: everything that stands in the way is told at once;
whoever is started anew with a proxy says its version, too.
"""

import functools
from collections.abc import Sequence

from meshwright.adapters.consul.cluster import status, words
from meshwright.adapters.consul.cluster.planes import Injecting, Plane
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment.marking import Marks
from meshwright.core.kit.kubernetes.enrolment.members import Planning
from meshwright.core.kit.kubernetes.enrolment.plans import Plan
from meshwright.core.kit.kubernetes.enrolment.workloads import Controller
from meshwright.core.kit.kubernetes.facts import KubernetesFacts
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ControllerMember, NamespaceMember

_VERSION = f"{words.META}version"


async def joining(cluster: k8s.Cluster, members: Sequence[AnyEnrolment]) -> Plan:
    """The plan of enrolling these. Raises Reject with all that stands in the way, KubernetesError."""
    return await _plan(cluster, members, joined=True)


async def leaving(cluster: k8s.Cluster, members: Sequence[AnyMember]) -> Plan:
    """The plan of withdrawing these. Raises Reject with all that stands in the way, KubernetesError."""
    return await _plan(cluster, members, joined=False)


def of_pods(one: Controller, injecting: Injecting, *, joined: bool) -> dict[str, str | None]:
    """What changes on the pods of a workload so that they take part, or do not."""
    now, marks = one.annotations, dict[str, str | None]()
    if injecting.takes(now) is not joined:
        by_default = injecting.default is joined
        marks[words.INJECT] = None if by_default else "true" if joined else "false"
    version = next((one.labels[key] for key in KubernetesFacts.version_keys if key in one.labels), "")
    if version and joined and not (now.get(_VERSION) or now.get(words.TAGS)):
        marks[_VERSION] = version
    if version and not joined and now.get(_VERSION) == version:
        marks[_VERSION] = None
    return marks


async def _plan(cluster: k8s.Cluster, members: Sequence[AnyEnrolment | AnyMember], *, joined: bool) -> Plan:
    there = [each.plane for each in await status.detect(cluster)]
    planning = Planning(cluster, "Consul", {each.namespace for each in there}, "annotations", joined=joined)
    if joined and not there:
        planning.refuse("#", "there is no Consul in the cluster: install it first")
    plane = there[0] if there else Plane(namespace=words.NAMESPACE)
    marks = functools.partial(of_pods, injecting=plane.injecting, joined=joined)
    for index, member in enumerate(members):
        pointer = f"#/workloads/{index}"
        place = await planning.place_of(member, pointer)
        if place is None or not isinstance(member, NamespaceMember | ControllerMember):
            continue
        if joined and (member.mode == "ambient" or member.revision or getattr(member, "waypoint", "")):
            planning.refuse(pointer, "Consul has proxies beside pods alone: no ambient, no revisions, no waypoints")
        elif isinstance(member, NamespaceMember):
            after = of_namespace(place, plane.injecting, joined=joined)
            _check_reach(planning, place, after, plane.injecting, pointer, joined=joined)
            planning.mark_namespace(place, after, "labels")
            await planning.mark_members(member, marks, pointer, needed=not plane.injecting.mark)
        else:
            _check_reach(planning, place, {}, plane.injecting, pointer, joined=joined)
            if (one := await planning.workload(member, pointer)) is not None:
                planning.mark_pods(one, _asked(marks(one), member), pointer, restart=member.restart)
    return planning.plan()


def of_namespace(place: Body, injecting: Injecting, *, joined: bool) -> dict[str, str | None]:
    """What changes on the labels of a namespace so that the injector looks at it, or does not."""
    now = k8s.labels_of(place)
    if joined:
        return {key: value for key, value in injecting.mark.items() if now.get(key) != value}
    return {key: None for key, value in injecting.mark.items() if now.get(key) == value}


def _check_reach(
    planning: Planning, place: Body, after: Marks, injecting: Injecting, pointer: str, *, joined: bool
) -> None:
    """Tell where the injector does not look at a namespace."""
    labels = {**k8s.labels_of(place), **{key: value for key, value in after.items() if value is not None}}
    if joined and not injecting.reaches(k8s.name_of(place), labels):
        planning.refuse(
            f"{pointer}/namespace",
            f"the injector does not look at {k8s.name_of(place)}: see connectInject.k8sAllowNamespaces,"
            " k8sDenyNamespaces and namespaceSelector of its chart",
        )


def _asked(marks: dict[str, str | None], member: ControllerMember) -> dict[str, str | None]:
    """Without the version alone where nobody asked for a restart: who takes part already goes on as it is."""
    return marks if member.restart or words.INJECT in marks else {}
