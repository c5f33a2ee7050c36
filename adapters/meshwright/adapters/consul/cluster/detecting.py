"""Which Consuls are in a cluster, whoever installed them, and what is wrong with each.

Invariant: a pure function of Kubernetes objects, by the labels that Consul's charts give; what cannot be seen from
outside is not claimed. Every condition that is not as it should be says what to do.
"""

import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, TypeAlias

from meshwright.adapters.consul.cluster import planes, words
from meshwright.adapters.consul.cluster.planes import Plane
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.webhooks import last_end
from meshwright.core.kit.kubernetes.listing import Wanted
from meshwright.core.kit.kubernetes.target.readiness import verdict
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import Condition, DetectedMesh

Body = dict[str, Any]
Installer: TypeAlias = Literal["meshwright", "helm", "manifests"]
_PARTS = f"{words.COMPONENT} in ({', '.join((words.INJECTOR, *words.GATEWAYS))})"
KINDS = (
    Wanted("apps", "Deployment", labels=_PARTS),
    Wanted("apps", "StatefulSet", labels=f"{words.COMPONENT}={words.SERVER}"),
    planes.WEBHOOKS,
    Wanted("", "ConfigMap", labels=f"{words.COMPONENT}={words.SERVER}"),
    Wanted("", "Namespace"),
)
"""what detection looks at"""
DEFINED = (
    *("ProxyDefaults", "Mesh", "ServiceDefaults", "ServiceResolver", "ServiceSplitter", "ServiceRouter"),
    *("ServiceIntentions", "IngressGateway", "TerminatingGateway"),
)
"""the kinds of entries that every Consul in Kubernetes defines"""
OLDEST = "1.4"
"""of consul-k8s, that the adapter is written for"""
_SOON = datetime.timedelta(days=2)


class Detected(Model, frozen=True, kw_only=True):
    """One mesh as it is there."""

    plane: Plane
    installer: Installer = "manifests"
    enrolled: list[str] = []
    """namespaces whose new pods get a proxy unless they refuse it"""
    gateways: list[str] = []
    conditions: list[Condition] = []

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return all(each.status == "True" for each in self.conditions)


def detect(bodies: Iterable[Body], served: Collection[str]) -> list[Detected]:
    """The meshes of a cluster, of whose kinds these are `served`."""
    everything = list(bodies)
    return [_detected(each, everything, served) for each in planes.planes(everything)]


def summary(mesh: Detected) -> DetectedMesh:
    """A mesh in the words of all meshes."""
    return DetectedMesh(
        kind="consul",
        namespace=mesh.plane.namespace,
        version=mesh.plane.consul,
        modes=["sidecar"],
        installer=mesh.installer,
        enrolled=mesh.enrolled,
        state="ready" if mesh.healthy else "degraded",
        conditions=mesh.conditions,
    )


def _detected(plane: Plane, bodies: list[Body], served: Collection[str]) -> Detected:
    near = [each for each in bodies if k8s.namespace_of(each) == plane.namespace]
    injector = next(each for each in near if k8s.name_of(each) == plane.name and each["kind"] == "Deployment")
    server = next((each for each in near if planes.is_component(each, "StatefulSet", words.SERVER)), None)
    gateways = [each for each in bodies if k8s.labels_of(each).get(words.COMPONENT) in words.GATEWAYS]
    places = [each for each in bodies if each.get("kind") == "Namespace"]
    return Detected(
        plane=plane,
        installer=_installer(injector),
        enrolled=sorted(
            k8s.name_of(each)
            for each in places
            if plane.injecting.default
            and k8s.name_of(each) != plane.namespace
            and plane.injecting.reaches(k8s.name_of(each), k8s.labels_of(each))
        ),
        gateways=sorted(k8s.name_of(each) for each in gateways),
        conditions=[
            _servers(server),
            _available("InjectorReady", [injector], "new pods get no proxy, and entries are not taken to the servers"),
            _webhook(planes.webhook(bodies, plane.namespace), plane.namespace),
            _defined(served),
            _paired(plane),
            *([_available("GatewaysReady", gateways, "what they let in or out stops")] if gateways else []),
        ],
    )


def condition(kind: str, wrong: str, reason: str, good: str) -> Condition:
    """Good, unless something is told."""
    return Condition(
        type=kind,
        status="False" if wrong else "True",
        reason=reason if wrong else "AsExpected",
        message=(wrong or good)[:2000],
    )


def _servers(server: Body | None) -> Condition:
    if server is None:
        return condition("ServersReady", "", "", "the servers are outside of the cluster: they are not looked at")
    there = verdict(server)
    wrong = "" if there.state == "ready" else f"{k8s.name_of(server)}: {there.because}"
    hint = ": without most of them nothing can be changed; see their events and logs"
    good = f"{k8s.at(server, 'spec', 'replicas') or 1} in the StatefulSet {k8s.name_of(server)}"
    return condition("ServersReady", wrong and wrong + hint, "ServersMissing", good)


def _available(kind: str, parts: Sequence[Body], stops: str) -> Condition:
    wrong = []
    for each in parts:
        there = verdict(each)
        if there.state != "ready":
            wrong.append(f"{k8s.namespace_of(each)}/{k8s.name_of(each)}: {there.because}")
    told = f"{'; '.join(wrong)}: until then {stops}; see its events and logs" if wrong else ""
    return condition(kind, told, "NotAvailable", ", ".join(map(k8s.name_of, parts)))


def _webhook(asked: Body | None, namespace: str) -> Condition:
    kind, again = "WebhookReady", "install or upgrade the chart again"
    if asked is None:
        return condition(kind, f"no webhook asks the injector in {namespace} about new pods: {again}", "Missing", "")
    end = last_end(str(k8s.at(asked, "clientConfig", "caBundle") or ""))
    if end is None:
        wrong = "the webhook has no certificate authority that can be read, so no pod can be made where it asks:"
        return condition(kind, f"{wrong} see the Deployment webhook-cert-manager", "NoAuthority", "")
    now = datetime.datetime.now(datetime.UTC)
    if end <= now:
        wrong = f"the certificate authority of the webhook ended on {end:%Y-%m-%d}: restart webhook-cert-manager"
        return condition(kind, wrong, "AuthorityEnded", "")
    return condition(kind, "", "", f"it can be asked, with a certificate authority until {end:%Y-%m-%d %H:%M}")


def _defined(served: Collection[str]) -> Condition:
    missing = [each for each in DEFINED if each not in served]
    wrong = f"the cluster does not know {', '.join(missing)}: apply the definitions of the chart" if missing else ""
    return condition("DefinitionsServed", wrong, "Missing", f"{len(DEFINED)} kinds of {words.GROUP}")


def _paired(plane: Plane) -> Condition:
    kind, release, version = "VersionsFit", numbers(plane.release)[:2], numbers(plane.version)[:2]
    if release and release < numbers(OLDEST):
        wrong = f"consul-k8s {plane.release} is older than {OLDEST}, for which this adapter is written: upgrade it"
        return condition(kind, wrong, "TooOld", "")
    wanted = planes.paired(plane.release)
    wrong = ""
    if wanted and version and version != wanted:
        fit = ".".join(map(str, wanted))
        wrong = (
            f"consul-k8s {plane.release} is made for Consul {fit}, and the servers are {plane.version}: upgrade both"
        )
    good = f"consul-k8s {plane.release or 'of an unknown version'}, Consul {plane.version or 'elsewhere'}"
    return condition(kind, wrong, "Skewed", good)


def _installer(injector: Body) -> Installer:
    meta = injector.get("metadata") or {}
    managers = [str(each.get("manager")) for each in meta.get("managedFields") or [] if not each.get("subresource")]
    if any(each.startswith("meshwright") for each in managers):
        return "meshwright"
    return "helm" if k8s.annotations_of(injector).get("meta.helm.sh/release-name") else "manifests"
