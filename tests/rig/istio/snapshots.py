"""What of a cluster is an effect of operations, so that two runs can be compared: all but what each run names anew.

And whether anything was touched at all, by the resource versions of all objects but those that change by themselves.
"""

from contextlib import aclosing, suppress
from typing import Any

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment.workloads import RESTARTED
from meshwright.core.testing.eventually import eventually
from rig.kubernetes.operating import OF_EVERY_NAMESPACE, PASSING, Operator

_META = ("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences")
_NAMED_ANEW = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
_GIVEN = ("clusterIP", "clusterIPs", "nodeName", "volumeName")
Snapshot = dict[str, Any]
_OF_ITSELF = {"Event", "Lease", "Node", "PodMetrics", "NodeMetrics", "APIService"}
"""kinds that change while nobody does anything"""
_MEASURED = "HorizontalPodAutoscaler"
"""of these a controller writes the status now and then: all else of them counts"""
_LEADER = "control-plane.alpha.kubernetes.io/leader"
"""the annotation of those by which replicas of istiod elect one among them"""


async def snapshot(operator: Operator, *, restarts: bool = True) -> Snapshot:
    """Every lasting object by its reference; without `restarts` it does not count how often pods were made anew."""
    cluster, taken = await operator.cluster(), Snapshot()
    cluster.discovery.forget()
    for api in await cluster.discovery.all():
        if "list" not in api.verbs or api.kind in PASSING or api.kind == "Lease":
            continue
        with suppress(k8s.NotFound):  # a kind whose definition goes just now
            async with aclosing(cluster.list(api.group, api.kind)) as items:
                async for each in items:
                    if not (each.ref.namespace.startswith("kube-") or OF_EVERY_NAMESPACE.fullmatch(str(each.ref))):
                        taken[str(each.ref)] = _effects(each.body, restarts=restarts)
    return taken


def different(one: Snapshot, other: Snapshot) -> dict[str, tuple[Any, Any]]:
    """What two snapshots do not have in common."""
    return {ref: (one.get(ref), other.get(ref)) for ref in one.keys() | other.keys() if one.get(ref) != other.get(ref)}


def _effects(body: dict[str, Any], *, restarts: bool) -> dict[str, Any]:
    meta = {key: value for key, value in body["metadata"].items() if key in _META and value}
    if "annotations" in meta:
        meta["annotations"] = {key: value for key, value in meta["annotations"].items() if key not in _NAMED_ANEW}
    if "ownerReferences" in meta:
        meta["ownerReferences"] = [(each["kind"], each["name"]) for each in meta["ownerReferences"]]
    managers = sorted({str(each.get("manager")) for each in body["metadata"].get("managedFields") or []})
    rest = {key: value for key, value in body.items() if key not in ("metadata", "status", "kind", "apiVersion")}
    spec = rest.get("spec")
    if isinstance(spec, dict):
        rest["spec"] = spec = {key: value for key, value in spec.items() if key not in _GIVEN}
        template = k8s.at(spec, "template", "metadata")
        if isinstance(template, dict) and RESTARTED in (template.get("annotations") or {}):
            annotations = {**template["annotations"], RESTARTED: "at some time"}
            if not restarts:
                del annotations[RESTARTED]
            newer = {**template, "annotations": annotations} if annotations else _without(template, "annotations")
            rest["spec"] = {**spec, "template": {**spec["template"], "metadata": newer}}
    counted = {"generation": body["metadata"].get("generation")} if restarts and body["kind"] == "Deployment" else {}
    return {"metadata": meta, "managers": managers if restarts else [], **rest, **counted}


def _without(body: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != key}


async def versions(cluster: k8s.Cluster) -> dict[str, str]:
    """The resource version of every object of a cluster, but for those that change by themselves."""
    result = {}
    for api in await cluster.discovery.all():
        if "list" in api.verbs and api.kind not in _OF_ITSELF:
            async with aclosing(cluster.list(api.group, api.kind)) as items:
                async for each in items:
                    if _LEADER not in (k8s.at(each.body, "metadata", "annotations") or {}):
                        content = _effects(each.body, restarts=True) if api.kind == _MEASURED else each.version
                        result[f"{each.ref} {each.uid}"] = str(content)
    return result


async def still(cluster: k8s.Cluster) -> dict[str, str]:
    """The same, as soon as what was begun before has come to rest."""
    last: dict[str, str] = {}

    async def unchanged() -> bool:
        nonlocal last
        before, last = last, await versions(cluster)
        return last == before

    await eventually(unchanged, timeout=60)
    return last
