"""The proxies of a mesh, by the pods in which they run.

Problem: Linkerd's proxies acknowledge nothing: whether one has taken what was applied, nobody can ask. Invariant: a
proxy counts as synced when it is ready, which it becomes with an identity and a connection to the control plane, and
when it trusts what the control plane trusts and is of its release; nothing more is claimed.
"""

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.checks import BAD, DOUBTFUL, GOOD, Check, Result
from meshwright.adapters.linkerd.detecting import Detected
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts.pods import container_of, controller_of, ended
from meshwright.schemas.workloads import Proxy, SyncState, proxy_id, workload_id

Body = dict[str, Any]
_SHOWN = 10
_OTHER_TRUST = "it trusts other anchors than the control plane: restart its workload"


def proxies(mesh: str, bodies: Iterable[Body], plane: Detected) -> list[Proxy]:
    """The proxies of pods."""
    now = datetime.datetime.now(datetime.UTC)
    there = [
        _proxy(mesh, each, plane, now)
        for each in bodies
        if container_of(each, words.PROXY) is not None and not ended(each)
    ]
    return sorted(there, key=lambda each: (each.namespace, each.name))


def bare(bodies: Iterable[Body], enrolled: Sequence[str]) -> list[str]:
    """`namespace/name` of pods of enrolled namespaces that were to have a proxy and have none."""
    return sorted(
        f"{k8s.namespace_of(each)}/{k8s.name_of(each)}"
        for each in bodies
        if k8s.namespace_of(each) in enrolled
        and container_of(each, words.PROXY) is None
        and not ended(each)
        and not k8s.at(each, "spec", "hostNetwork")
        and k8s.annotations_of(each).get(words.INJECT) != "disabled"
    )


def checked(mesh: str, there: Sequence[Proxy], without: Sequence[str], plane: Detected) -> list[Check]:
    """The checks of the data plane."""
    restart = f"restart them (meshwright workloads enrol --mesh {mesh} --namespace NAMESPACE --restart)"
    away = [each for each in there if each.state == "disconnected"]
    other = [each for each in there if each.version != plane.release and plane.release]
    trusting = [each for each in there if each.error == _OTHER_TRUST]
    data, look = "linkerd-data-plane", "look at the log of their container linkerd-proxy"
    released = [f"{each.namespace}/{each.name} {each.version}" for each in other]
    same, trust = "the proxies are of the control plane's release", "the proxies trust what the control plane trusts"
    return [
        _told(data, "the proxies are ready", _names(away), "are not", look),
        _told(data, "enrolled pods have a proxy", list(without), "have none", restart),
        _told("control-plane-proxy", same, released, f"are not of {plane.release}", restart, DOUBTFUL),
        _told("linkerd-identity-data-plane", trust, _names(trusting), "were started with other trust anchors", restart),
    ]


def _names(proxies: Sequence[Proxy]) -> list[str]:
    return [f"{each.namespace}/{each.name}" for each in proxies]


def root_digest(bundle: str) -> str:
    """What the injector writes on pods of the certificates that they trust."""
    return hashlib.sha256(bundle.encode()).hexdigest()


def _proxy(mesh: str, body: Body, plane: Detected, now: datetime.datetime) -> Proxy:
    namespace, name = k8s.namespace_of(body), k8s.name_of(body)
    annotations = k8s.annotations_of(body)
    version = annotations.get(words.PROXY_VERSION, "")
    state, error = _state(body, annotations, version, plane)
    kind, workload = controller_of(body)
    return Proxy(
        id=proxy_id(mesh, namespace, name),
        mesh=mesh,
        namespace=namespace,
        name=name,
        workload=workload_id(mesh, namespace, kind, workload) if kind else None,
        mode="sidecar",
        version=version,
        state=state,
        error=error,
        observed_at=now,
    )


def _state(body: Body, annotations: dict[str, str], version: str, plane: Detected) -> tuple[SyncState, str]:
    statuses = [
        *(k8s.at(body, "status", "containerStatuses") or []), *(k8s.at(body, "status", "initContainerStatuses") or [])
    ]  # fmt: skip
    if not any(each.get("name") == words.PROXY and each.get("ready") for each in statuses):
        return "disconnected", ""
    trusted = annotations.get(words.TRUST_ROOT, "")
    if trusted and plane.trust_roots and trusted not in digests(plane.trust_roots):
        return "stale", _OTHER_TRUST
    if version != plane.release and plane.release:
        return "stale", f"it is of {version or 'an unknown release'}, the control plane of {plane.release}"
    return "synced", ""


def digests(bundle: str) -> set[str]:
    """The digests of a bundle as charts hash it: with and without the line ends around it."""
    return {root_digest(each) for each in (bundle, bundle.strip(), f"{bundle.strip()}\n")}


def _told(category: str, name: str, concerned: list[str], what: str, hint: str, wrong: Result = BAD) -> Check:
    if not concerned:
        return Check(category=category, name=name, result=GOOD)
    shown = ", ".join(concerned[:_SHOWN])
    return Check(category=category, name=name, result=wrong, detail=f"{len(concerned)} {what}: {shown}", hint=hint)
