"""The workloads that take part in a mesh, by the pods in which they run.

Problem: what is enrolled and what takes part differ until pods were restarted. Invariant: pure functions of Pods and
Services, of which any may lack any field; a workload is there as long as one of its pods takes part.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping

from meshwright.core.kit.kubernetes.facts.known import KubernetesFacts
from meshwright.core.kit.kubernetes.facts.pods import controller_of, ended
from meshwright.core.kit.kubernetes.objects import Body, at, labels_of, name_of, namespace_of
from meshwright.core.kit.target import MeshRef
from meshwright.schemas.workloads import Workload, workload_id


def members(mesh: MeshRef, pods: Iterable[Body], services: Iterable[Body]) -> list[Workload]:
    """The controllers of these pods; one without a controller is no workload. The newest pod tells the version."""
    now = datetime.datetime.now(datetime.UTC)
    selecting = _by_namespace(services)
    found: dict[str, Workload] = {}
    for pod in sorted((each for each in pods if not ended(each)), key=_age):
        kind, name = controller_of(pod)
        if kind is None:
            continue
        namespace, labels = namespace_of(pod), labels_of(pod)
        identity = workload_id(mesh.mesh, namespace, kind, name)
        found[identity] = Workload(
            id=identity,
            mesh=mesh.mesh,
            connection=mesh.connection,
            namespace=namespace,
            kind=kind,
            name=name,
            service=_service(labels, selecting[namespace]),
            version=next((labels[key] for key in KubernetesFacts.version_keys if labels.get(key)), ""),
            observed_at=now,
        )
    return [found[each] for each in sorted(found)]


def _age(pod: Body) -> str:
    return str(at(pod, "metadata", "creationTimestamp") or "")


def _by_namespace(services: Iterable[Body]) -> Mapping[str, list[tuple[str, dict[str, str]]]]:
    result: defaultdict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)
    for each in services:
        if selector := at(each, "spec", "selector"):
            result[namespace_of(each)].append((name_of(each), selector))
    return result


def _service(labels: Mapping[str, str], services: Iterable[tuple[str, dict[str, str]]]) -> str:
    """The one that selects these pods with the fewest labels, since that of all versions is what clients address."""
    chosen = [(len(selector), name) for name, selector in services if selector.items() <= labels.items()]
    return min(chosen)[1] if chosen else ""
