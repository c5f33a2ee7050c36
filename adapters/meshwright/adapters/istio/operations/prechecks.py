"""What must be true of a cluster before Istio is installed or upgraded there.

Invariant: nothing is changed, and everything that stands in the way is told at once; what only may surprise is told as
a note.
"""

import re
from collections.abc import Collection
from contextlib import aclosing

import msgspec

from meshwright.adapters.istio.charts.profiles import InstallSpec, is_ambient, shown
from meshwright.adapters.istio.operations import control_planes
from meshwright.adapters.istio.operations.control_planes import ControlPlane
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing import failures as common
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.errors import FieldError

_OLDEST_KUBERNETES = {31: 32, 30: 32, 29: 31, 28: 30, 27: 29}
"""the oldest minor version of Kubernetes for a minor version of Istio"""
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?([-.][A-Za-z0-9.-]+)?")
_GATEWAY_API = ("gateway.networking.k8s.io", "Gateway")
_OTHERS = {
    "Linkerd": ("apps", "Deployment", {"linkerd.io/control-plane-component": "destination"}),
    "Consul": ("apps", "Deployment", {"app": "consul", "component": "connect-injector"}),
    "Kuma": ("apps", "Deployment", {"app": "kuma-control-plane"}),
}


class Prechecked(msgspec.Struct, frozen=True):
    """What the checks have found besides what stands in the way."""

    kube_version: str
    notes: list[str]
    control_planes: list[ControlPlane]


async def run(
    cluster: k8s.Cluster,
    spec: InstallSpec,
    ours: Collection[str],
    *,
    upgrade: bool = False,
) -> Prechecked:
    """Check a cluster. `ours` are the managers of this mesh's components.

    Raises Reject with everything that stands in the way, KubernetesError.
    """
    version = await cluster.version()
    planes = await control_planes.control_planes(cluster)
    problems = _version_problems(version, spec.version)
    if not upgrade:
        problems += _in_the_way(planes, spec, ours)
    if problems:
        raise common.unfit(problems)
    notes = await _notes(cluster, spec)
    beside = [each for each in planes if each.revision != shown(spec.revision)]
    notes += [f"revision {each.revision} ({each.version}) runs beside it in {each.namespace}" for each in beside]
    return Prechecked(kube_version=version, notes=notes, control_planes=planes)


def _version_problems(kubernetes: str, istio: str) -> list[str]:
    mine, theirs = numbers(istio), numbers(kubernetes)
    if len(mine) < 2 or len(theirs) < 2 or mine[0] != 1:
        return []
    oldest = _OLDEST_KUBERNETES.get(mine[1], 32 if mine[1] > 31 else 29)
    if theirs >= (1, oldest):
        return []
    return [f"Istio {istio} needs Kubernetes 1.{oldest} or newer, and this cluster has {kubernetes}"]


def _in_the_way(planes: list[ControlPlane], spec: InstallSpec, ours: Collection[str]) -> list[str]:
    obstacles = []
    for each in planes:
        if each.revision != shown(spec.revision):
            continue
        if each.namespace != spec.namespace:
            obstacles.append(
                f"revision {each.revision} is installed in {each.namespace} already: "
                "name another --revision, or that namespace"
            )
        elif each.manager not in ours:
            obstacles.append(
                f"{each.namespace}/{each.name} was installed by {each.manager or 'somebody else'}: upgrade it as a "
                "mesh that was detected, or name another --revision"
            )
    return obstacles


async def _notes(cluster: k8s.Cluster, spec: InstallSpec) -> list[str]:
    notes = []
    if _GATEWAY_API not in {(each.group, each.kind) for each in await cluster.discovery.all()}:
        needs = "waypoints and routes" if is_ambient(spec.profile) else "routes and gateways"
        notes.append(f"the definitions of the Gateway API are missing: {needs} of it will not work without them")
    for name, (group, kind, labels) in _OTHERS.items():
        async with aclosing(cluster.list(group, kind, labels=labels)) as items:
            async for each in items:
                notes.append(f"{name} is here too ({each.ref}): a workload can take part in one mesh only")
                break
    return notes


def check_version(version: str) -> None:
    """Raises Reject for what is no version of Istio."""
    if not _VERSION.fullmatch(version):
        detail = f"{version!r} is no version of Istio: one is written like 1.31.0, or 1.31.0-rc.1"
        raise kit.unfit([FieldError(detail=detail, pointer="#/version")])


def check_skew(before: str, after: str, *, canary: bool) -> None:
    """Raises Reject when Istio does not go from one version to the other."""
    was, then = numbers(before), numbers(after)
    if len(was) < 2 or len(then) < 2 or was == then:
        return
    most = 2 if canary else 1
    if was[0] != then[0] or not 0 <= then[1] - was[1] <= most:
        raise _skew(before, after, most, back=then < was)


def _skew(before: str, after: str, most: int, *, back: bool) -> kit.Reject:
    if back:
        cause = "Istio does not support going back by a minor version: its resources may be of newer versions."
        remedy = "Move back to a control plane that still stands (upgrade --revision OLD), or uninstall and install."
    else:
        cause = f"Istio supports going up by {'one minor version' if most == 1 else f'{most} minor versions'} this way."
        remedy = "Go by a version between them, or name a --revision: a second control plane may be two versions ahead."
    return common.skew("Istio", before, after, cause=cause, remedy=remedy)
