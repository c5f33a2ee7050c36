"""Reading the facts of a Consul in a cluster.

Invariant: only what the design speaks of is read whole: the namespaces of its services, and the entries of all, since
they share one space of names.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from meshwright.adapters.consul import problems
from meshwright.adapters.consul.cluster import coats, planes, words
from meshwright.adapters.consul.cluster.coats import CONFIG_KINDS
from meshwright.adapters.consul.cluster.detecting import KINDS
from meshwright.adapters.consul.cluster.facts import ClusterFacts, Home
from meshwright.adapters.consul.cluster.planes import Injecting
from meshwright.adapters.consul.cluster.target import ClusterTarget
from meshwright.adapters.consul.facts import Existing, Instance, Service
from meshwright.adapters.consul.options import Options
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.facts import KubernetesFacts, Surroundings, surroundings
from meshwright.core.kit.kubernetes.installing.installation import Installations
from meshwright.core.kit.kubernetes.target.fields import of_others
from meshwright.schemas.errors import FieldError

Body = dict[str, Any]
_ENTRIES = tuple((words.GROUP, kind) for kind in CONFIG_KINDS)
_MISSING = problems.Remedies(
    service="there is no service {name} in the cluster's namespace of the design",
    sidecar="enrol its workloads first",
    version=f"enrol its workloads anew, or give their pods the annotation {words.META}version",
)


async def facts(target: ClusterTarget, draft: kit.Draft) -> ClusterFacts:
    """The mesh as it is, and the design that is to be translated."""
    cluster = await target.cluster()
    record = await (await Installations.open(target.scope.runtime)).get(draft.mesh)
    control = await listing.every(cluster, KINDS)
    plane = planes.chosen(planes.planes(control), record.namespace if record else "")
    known = ClusterFacts(
        version=plane.consul if plane else "",
        datacenter=plane.datacenter if plane else "",
        design=draft.owner,
        ingress_port=target.scope.runtime.settings(Options).ingress_port,
    )
    design = draft.design
    if design is None or not (design.intents or design.resources):
        return known
    if plane is None:
        detail = "no Consul (a Deployment connect-injector with its labels) is in the cluster: install it first"
        return msgspec.structs.replace(known, problems=[FieldError(detail=detail)])
    place = design.namespace or cluster.namespace or "default"
    wanted = KubernetesFacts(namespace=place, intents=design.intents)
    around = await surroundings(cluster, wanted, _ENTRIES)
    found = services(around, plane.injecting)
    entries = [each for each in around.others if _is_entry(each)]
    manager = k8s.manager_of(draft.mesh, draft.owner)
    known = msgspec.structs.replace(
        known,
        namespace=place,
        services=[each for _, each in found],
        namespaces={each.name: namespace for namespace, each in found},
        gateways=sorted(
            k8s.name_of(each) for each in control if k8s.labels_of(each).get(words.COMPONENT) == "ingress-gateway"
        ),
        intents=[known.plain(each) for each in design.intents],
        existing=[one for each in entries if (one := existing(each, manager))],
        homes=[Home(entry=entry, object=ref) for entry, ref in coats.objects_of(entries).items()],
    )
    return msgspec.structs.replace(known, problems=[*_shared(found), *problems.problems(known, _MISSING)])


def services(around: Surroundings, injecting: Injecting) -> list[tuple[str, Service]]:
    """The services of objects as Consul has them, each with its namespace."""
    places = {k8s.name_of(each): k8s.labels_of(each) for each in around.namespaces}
    found = []
    for body in around.services:
        namespace, name = k8s.namespace_of(body), k8s.name_of(body)
        behind = [each for each in around.workloads if _is_behind(each, body)]
        joined = [each for each in behind if _is_enrolled(each, injecting, places.get(namespace, {}))]
        marks = [_pods(each, "annotations") for each in joined]
        service = Service(
            name=name,
            instances=[instance(each) for each in behind],
            proxies=len(joined),
            upstreams=sorted({one for each in marks for one in _upstreams(each)}),
            transparent=any(
                each.get(words.TRANSPARENT, str(injecting.transparent).lower()) == "true" for each in marks
            ),
        )
        found.append((namespace, service))
    return sorted(found, key=lambda each: (not each[1].proxies, each[1].name, each[0]))


def instance(workload: Body) -> Instance:
    """What Consul will know of the pods of a workload."""
    marks = _pods(workload, "annotations")
    meta = {key.removeprefix(words.META): value for key, value in marks.items() if key.startswith(words.META)}
    tags = [each.strip() for each in marks.get(words.TAGS, "").split(",") if each.strip()]
    return Instance(id=k8s.name_of(workload), meta=meta, tags=tags, passing=k8s.at(workload, "spec", "replicas") != 0)


def existing(body: Body, manager: str) -> Existing | None:
    """What others than this design have said in an entry; None: nothing."""
    others = of_others(body, manager)
    if others is None:
        return None
    ref, told = coats.entry({**body, "spec": others.get("spec") or {}})
    managers = dict.fromkeys(k8s.words(str(each.get("manager"))) for each in _managers(body, manager))
    return Existing(ref=ref, owner=", ".join(managers) or "somebody", body=told)


def _managers(body: Body, manager: str) -> Iterator[Mapping[str, Any]]:
    for each in k8s.at(body, "metadata", "managedFields") or []:
        if not each.get("subresource") and each.get("manager") != manager:
            yield each


def _shared(found: Sequence[tuple[str, Service]]) -> Iterable[FieldError]:
    """Services of one name in several namespaces, which Consul takes for one."""
    places: dict[str, list[str]] = {}
    for namespace, each in found:
        if each.proxies:
            places.setdefault(each.name, []).append(namespace)
    for name, several in places.items():
        if len(several) > 1:
            yield FieldError(
                detail=f"Consul takes {name} of {' and '.join(several)} for one service: only its Enterprise edition"
                " has namespaces. Give one of them another name, or withdraw it"
            )


def _is_entry(body: Body) -> bool:
    there = not k8s.at(body, "metadata", "deletionTimestamp")
    return there and body.get("kind") in CONFIG_KINDS and str(body.get("apiVersion")).startswith(f"{words.GROUP}/")


def _is_behind(workload: Body, service: Body) -> bool:
    selector = k8s.at(service, "spec", "selector") or {}
    same = k8s.namespace_of(workload) == k8s.namespace_of(service)
    return same and bool(selector) and selector.items() <= _pods(workload, "labels").items()


def _is_enrolled(workload: Body, injecting: Injecting, labels: dict[str, str]) -> bool:
    on_host = k8s.at(workload, "spec", "template", "spec", "hostNetwork")
    reached = injecting.reaches(k8s.namespace_of(workload), labels)
    return reached and not on_host and injecting.takes(_pods(workload, "annotations"))


def _pods(workload: Body, part: str) -> dict[str, str]:
    marks = k8s.at(workload, "spec", "template", "metadata", part) or {}
    return {str(key): str(value) for key, value in marks.items()}


def _upstreams(marks: Mapping[str, str]) -> list[str]:
    """The names in `static-server:1234,payments.svc:5678`."""
    listed = marks.get(words.UPSTREAMS, "").split(",")
    return [each.strip().split(":")[0].split(".")[0] for each in listed if each.strip()]
