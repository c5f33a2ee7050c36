"""The control planes of a cluster: servers, injector, and how the injector goes about pods.

Problem: the injector's rules are flags of its command, and whether a namespace takes part is the webhook's selector.
Invariant: pure functions of objects; a cluster has one Consul for each Deployment of an injector, whoever made it.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from meshwright.adapters.consul.cluster import words
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment.workloads import selects
from meshwright.core.kit.kubernetes.listing import Wanted
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.base import Model

Body = dict[str, Any]
INJECTORS = Wanted("apps", "Deployment", labels=f"{words.COMPONENT}={words.INJECTOR}")
WEBHOOKS = Wanted("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
_TAG = re.compile(r":v?(?P<tag>[0-9][^:@/]*)(@.*)?$")
_FLAG = re.compile(r'-(?P<name>[a-z0-9-]+)="?(?P<value>[^\s"\\]*)')
_AHEAD = 14
"""how far the minor versions of Consul 1 were ahead of consul-k8s 1"""
_LAST_PAIRED = (1, 7)
"""after which nobody has said it, until both have the same numbers from 2.0 on"""
_SYSTEM = ("kube-system", "kube-public")


class Injecting(Model, frozen=True, kw_only=True):
    """Which new pods get a proxy."""

    default: bool = False
    """those too that do not ask for it"""
    selector: dict[str, Any] = {}
    """of namespaces; empty: all"""
    allowed: tuple[str, ...] = ("*",)
    denied: list[str] = []
    transparent: bool = True

    def reaches(self, name: str, labels: dict[str, str]) -> bool:
        """Whether the injector looks at the pods of a namespace."""
        listed = name not in self.denied and ("*" in self.allowed or name in self.allowed)
        return listed and name not in _SYSTEM and selects(self.selector, labels)

    def takes(self, annotations: dict[str, str]) -> bool:
        """Whether pods with these annotations get a proxy in a namespace that it looks at."""
        said = annotations.get(words.INJECT)
        return self.default if said is None else said.lower() in ("true", "t", "1")

    @property
    def mark(self) -> dict[str, str]:
        """The labels by which a namespace takes part; empty: it is not by labels, or pods must ask themselves."""
        return dict(self.selector.get("matchLabels") or {}) if self.default else {}


class Plane(Model, frozen=True, kw_only=True):
    """One control plane."""

    namespace: str
    name: str = ""
    """the injector's"""
    release: str = ""
    """of consul-k8s"""
    version: str = ""
    """of Consul itself, by the image of its servers; empty where they are elsewhere"""
    datacenter: str = ""
    injecting: Injecting = Injecting()

    @property
    def consul(self) -> str:
        """The version of Consul itself; where its servers are elsewhere, the one that consul-k8s is made for."""
        return self.version or ".".join(map(str, paired(self.release)))


def paired(release: str) -> tuple[int, ...]:
    """The minor version of Consul that a consul-k8s is made for; empty where nobody has said it."""
    minor = numbers(release)[:2]
    if minor >= (2, 0):
        return minor
    return (minor[0], minor[1] + _AHEAD) if (1, 0) <= minor <= _LAST_PAIRED else ()


def planes(bodies: Iterable[Body]) -> list[Plane]:
    """The control planes of objects."""
    everything = list(bodies)
    found = [_plane(each, everything) for each in everything if is_component(each, "Deployment", words.INJECTOR)]
    return sorted(found, key=lambda each: (each.namespace, each.name))


def chosen(there: Sequence[Plane], namespace: str) -> Plane | None:
    """The control plane of a mesh: the one in the namespace that is recorded, or else the only one."""
    mine = [each for each in there if each.namespace == namespace]
    return mine[0] if mine else there[0] if len(there) == 1 and not namespace else None


def is_component(body: Body, kind: str, component: str) -> bool:
    """Whether an object is this part of a Consul."""
    labels = k8s.labels_of(body)
    return body.get("kind") == kind and (labels.get("app"), labels.get(words.COMPONENT)) == ("consul", component)


def version(body: Body | None) -> str:
    """The version of a workload, by the tag of its first image; empty where that says none."""
    containers = k8s.at(body, "spec", "template", "spec", "containers") or [{}]
    tag = _TAG.search(str(containers[0].get("image", "")))
    return tag["tag"] if tag else ""


def webhook(bodies: Iterable[Body], namespace: str) -> Body | None:
    """The webhook that gives pods their proxies."""
    for body in bodies:
        if body.get("kind") != "MutatingWebhookConfiguration":
            continue
        for each in body.get("webhooks") or []:
            on_pods = any("pods" in (rule.get("resources") or []) for rule in each.get("rules") or [])
            place = k8s.at(each, "clientConfig", "service", "namespace")
            if on_pods and place == namespace and str(each.get("name", "")).endswith(words.GROUP):
                return dict(each)
    return None


def _plane(injector: Body, bodies: list[Body]) -> Plane:
    place = k8s.namespace_of(injector)
    near = [each for each in bodies if k8s.namespace_of(each) == place]
    server = next((each for each in near if is_component(each, "StatefulSet", words.SERVER)), None)
    config = next((each for each in near if k8s.name_of(each).endswith(words.CONFIG)), None)
    return Plane(
        namespace=place,
        name=k8s.name_of(injector),
        release=version(injector),
        version=version(server),
        datacenter=str(_json(config).get("datacenter") or ""),
        injecting=_injecting(injector, webhook(bodies, place)),
    )


def _injecting(injector: Body, asked: Body | None) -> Injecting:
    containers = k8s.at(injector, "spec", "template", "spec", "containers") or [{}]
    text = " ".join(map(str, [*(containers[0].get("command") or []), *(containers[0].get("args") or [])]))
    flags: dict[str, list[str]] = {}
    for each in _FLAG.finditer(text):
        flags.setdefault(each["name"], []).append(each["value"])
    return Injecting(
        default=flags.get("default-inject") == ["true"],
        selector=(asked or {}).get("namespaceSelector") or {},
        allowed=tuple(flags.get("allow-k8s-namespace", ["*"])),
        denied=flags.get("deny-k8s-namespace", []),
        transparent=flags.get("default-enable-transparent-proxy", ["true"]) == ["true"],
    )


def _json(body: Body | None) -> dict[str, Any]:
    try:
        found = json.loads(str(k8s.at(body, "data", "server.json") or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
