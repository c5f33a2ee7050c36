"""What `linkerd check` looks at, by its categories: each result good, doubtful or bad, with a hint.

Problem: Linkerd's own tool is a program of its own, and its words are the ones that people search for. Invariant: pure
functions of objects; a category keeps its name, and what cannot be seen from outside is not claimed.
https://linkerd.io/2/tasks/troubleshooting.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from cryptography import x509

from meshwright.adapters.linkerd import versions, words
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.webhooks import last_end
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import Condition

Body = dict[str, Any]
Result = Literal["√", "‼", "×"]  # noqa: RUF001 - Linkerd's own marks
GOOD: Result = "√"
DOUBTFUL: Result = "‼"
BAD: Result = "×"  # noqa: RUF001
_SOON = datetime.timedelta(days=60)
_CONFIGS = {
    "MutatingWebhookConfiguration": ("linkerd-proxy-injector-webhook-config",),
    "ValidatingWebhookConfiguration": (
        "linkerd-sp-validator-webhook-config",
        "linkerd-policy-validator-webhook-config",
    ),
}
KINDS = (
    (words.POLICY, "Server"), (words.POLICY, "AuthorizationPolicy"), (words.POLICY, "MeshTLSAuthentication"),
    (words.POLICY, "NetworkAuthentication"), (words.POLICY, "HTTPRoute"), (words.PROFILES, "ServiceProfile"),
)  # fmt: skip
"""what every Linkerd defines"""


class Check(Model, frozen=True, kw_only=True):
    """One result."""

    category: str
    name: str
    result: Result
    detail: str = ""
    hint: str = ""

    @property
    def line(self) -> str:
        """As a line for people."""
        return f"{self.name}: {self.detail}; {self.hint}" if self.hint else f"{self.name}: {self.detail}"


def _check(category: str, name: str, bad: str = "", hint: str = "", *, doubtful: bool = False) -> Check:
    """Good, unless something is told."""
    if not bad:
        return Check(category=category, name=name, result=GOOD)
    return Check(category=category, name=name, result=DOUBTFUL if doubtful else BAD, detail=bad, hint=hint)


def kinds(served: Iterable[tuple[str, str]]) -> Check:
    """Whether the definitions of Linkerd's own kinds are there."""
    missing = [f"{kind}.{group}" for group, kind in KINDS if (group, kind) not in set(served)]
    bad = f"missing: {', '.join(missing)}" if missing else ""
    return _check("linkerd-crd", "the definitions of Linkerd's kinds are there", bad, "install the chart linkerd-crds")


def gateway_api(bundle: str | None, minor: str) -> Check:
    """Whether the Gateway API is there, in a version that this Linkerd takes. `bundle` is None where it is not."""
    name, window = "the Gateway API is there in a version that Linkerd takes", versions.gateway_api(minor)
    if bundle is None:
        hint = "install it: without HTTPRoute there are no splits and header routes"
        return _check("gateway-api-crd", name, "its definitions are missing", hint, doubtful=True)
    at = numbers(bundle)
    if window and at and not numbers(window[0]) <= at <= numbers(window[1]):
        bad = f"it is {bundle}, and Linkerd {minor} takes {window[0]} to {window[1]}"
        hint = "routes with fields that it does not know are ignored as a whole: install a version between these"
        return _check("gateway-api-crd", name, bad, hint, doubtful=at > numbers(window[0]))
    return _check("gateway-api-crd", name)


def config(bodies: Sequence[Body], namespace: str) -> Check:
    """Whether the control plane has its own record."""
    there = any(k8s.name_of(each) == words.CONFIG and _in(each, namespace) for each in bodies)
    hint = "install the chart linkerd-control-plane again"
    return _check("linkerd-config", "the ConfigMap linkerd-config is there", "" if there else "it is missing", hint)


def identity(bundle: str, now: datetime.datetime) -> list[Check]:
    """Whether the trust anchors are such, and how long."""
    category, name = "linkerd-identity", "the trust anchors are valid"
    try:
        anchors = x509.load_pem_x509_certificates(bundle.encode())
    except ValueError:
        hint = "give Linkerd its trust anchors (identityTrustAnchorsPEM)"
        return [_check(category, name, f"there are none that can be read in {words.TRUST_ROOTS}", hint)]
    ended = [each for each in anchors if each.not_valid_after_utc <= now]
    soon = [each for each in anchors if now < each.not_valid_after_utc <= now + _SOON]
    told = [f"{each.subject.rfc4514_string()} until {each.not_valid_after_utc:%Y-%m-%d}" for each in (ended or soon)]
    hint = "bring a new anchor beside it, restart the proxies, then take the old one away"
    valid = _check(category, name, f"over: {', '.join(told)}" if ended else "", hint)
    lasting = _check(
        category, "the trust anchors are valid for at least 60 days", f"{', '.join(told)}" if soon else "", hint,
        doubtful=True,
    )  # fmt: skip
    return [valid, lasting]


def webhooks(bodies: Sequence[Body], namespace: str, now: datetime.datetime) -> list[Check]:
    """Whether the API server can ask Linkerd's webhooks."""
    results = []
    for kind, names in _CONFIGS.items():
        for name in names:
            mine = [each for each in bodies if each.get("kind") == kind and k8s.name_of(each) == name]
            hooks = [hook for each in mine for hook in each.get("webhooks") or []]
            bundles = [str(k8s.at(hook, "clientConfig", "caBundle") or "") for hook in hooks]
            called = {k8s.at(hook, "clientConfig", "service", "namespace") for hook in hooks}
            results.append(_webhook(name, bundles, called - {None, namespace}, now))
    return results


def _webhook(name: str, bundles: Sequence[str], elsewhere: set[Any], now: datetime.datetime) -> Check:
    category, told = "webhooks-and-apisvc-tls", f"{name} can be asked"
    hint = "install or upgrade the chart linkerd-control-plane, which makes its certificates anew"
    if not bundles:
        return _check(category, told, "it is missing", hint)
    if elsewhere:
        return _check(category, told, f"it asks in {', '.join(map(str, sorted(elsewhere)))}", hint)
    ends = [last_end(each) for each in bundles]
    if None in ends:
        return _check(category, told, "it has no certificate authority that can be read", hint)
    end = min(each for each in ends if each is not None)
    if end <= now:
        return _check(category, told, f"its certificate authority ended on {end:%Y-%m-%d}", hint)
    soon = f"its certificate authority ends on {end:%Y-%m-%d}" if end <= now + _SOON else ""
    return _check(category, told, soon, hint, doubtful=True)


def components(bodies: Sequence[Body], namespace: str) -> list[Check]:
    """Whether each component of the control plane is available."""
    results = []
    for component in words.COMPONENTS:
        mine = [each for each in bodies if k8s.labels_of(each).get(words.COMPONENT) == component]
        found = next((each for each in mine if _in(each, namespace) and each.get("kind") == "Deployment"), None)
        name, hint = f"linkerd-{component} is available", f"look at kubectl -n {namespace} get events,pods"
        results.append(
            _check("linkerd-existence", name, "it is missing" if found is None else unavailable(found), hint)
        )
    return results


def same_release(bodies: Sequence[Body], namespace: str, releases: Sequence[str]) -> Check:
    """Whether all of a control plane is of one release."""
    told = sorted(set(releases))
    bad = f"there are {', '.join(told)}" if len(told) > 1 else "" if told else "nothing tells which"
    hint = "upgrade the chart linkerd-control-plane again, and look for a rollout that is stuck"
    return _check("control-plane-version", "the control plane is of one release", bad, hint, doubtful=not told)


def cni(bodies: Sequence[Body], enabled: bool) -> list[Check]:
    """Whether the CNI plugin is on all nodes, where the control plane relies on it."""
    mine = [each for each in bodies if each.get("kind") == "DaemonSet" and _is_cni(each)]
    if not mine and not enabled:
        return []
    name, hint = "the CNI plugin is on all nodes", "look at kubectl -n linkerd-cni get pods, or install linkerd2-cni"
    if not mine:
        return [_check("cni-plugin", name, "the control plane relies on it (cniEnabled), and it is missing", hint)]
    status = mine[0].get("status") or {}
    wanted, ready = int(status.get("desiredNumberScheduled") or 0), int(status.get("numberReady") or 0)
    bad = f"it is ready on {ready} of {wanted} nodes" if ready < wanted or not wanted else ""
    return [_check("cni-plugin", name, bad, hint)]


def extensions(bodies: Sequence[Body]) -> list[Check]:
    """Whether the Deployments of each extension are available."""
    results = []
    for extension in extension_names(bodies):
        mine = [
            each
            for each in bodies
            if each.get("kind") == "Deployment" and k8s.labels_of(each).get(words.EXTENSION) == extension
        ]
        bad = "; ".join(f"{k8s.name_of(each)}: {wrong}" for each in mine if (wrong := unavailable(each)))
        results.append(
            _check(f"linkerd-{extension}", f"the extension {extension} is available", bad, "look at its pods")
        )
    return results


def extension_names(bodies: Sequence[Body]) -> list[str]:
    """The extensions, by the label of their namespaces."""
    places = [each for each in bodies if each.get("kind") == "Namespace"]
    return sorted({name for each in places if (name := k8s.labels_of(each).get(words.EXTENSION))})


def unavailable(deployment: Body) -> str:
    """What is wrong with a Deployment; empty: nothing."""
    wanted = k8s.at(deployment, "spec", "replicas")
    wanted = wanted if isinstance(wanted, int) else 1
    ready = int(k8s.at(deployment, "status", "availableReplicas") or 0)
    return "" if wanted and ready >= wanted else f"{ready} of {wanted} replicas are available"


def conditions(checks: Sequence[Check]) -> list[Condition]:
    """One condition for each category: bad when one of its checks is; what is doubtful is told, and is no failure."""
    told = []
    for category in dict.fromkeys(each.category for each in checks):
        mine = [each for each in checks if each.category == category]
        bad = [each for each in mine if each.result == BAD]
        doubtful = [each for each in mine if each.result == DOUBTFUL]
        message = "; ".join(each.line for each in (bad or doubtful)) or ", ".join(each.name for each in mine)
        told.append(
            Condition(
                type="".join(part.capitalize() for part in category.split("-")),
                status="False" if bad else "True",
                reason="CheckFailed" if bad else "CheckWarns" if doubtful else "AsExpected",
                message=message[:2000],
            )
        )
    return told


def _in(body: Body, namespace: str) -> bool:
    return k8s.namespace_of(body) == namespace


def _is_cni(body: Body) -> bool:
    labels = k8s.labels_of(body)
    return words.CNI in labels or labels.get("k8s-app") == "linkerd-cni"
