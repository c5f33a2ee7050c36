"""Which charts a Linkerd consists of, with which values, and which secrets they find there.

Invariant: pure functions. No private key is a value of a chart: the issuer and the servers of the webhooks have theirs
in secrets that are there before the chart, in the form in which Linkerd takes those of others (`kubernetes.io/tls`).
What a person gave for a chart wins over what is derived here.
"""

import base64
from typing import Any, Literal

import msgspec

from meshwright.adapters.linkerd import words
from meshwright.core.kit.kubernetes.facts import DOMAIN
from meshwright.core.kit.kubernetes.installing.authorities import Authority, Names, Pair
from meshwright.core.kit.kubernetes.installing.components import Component, merged
from meshwright.schemas.base import Model

DEFINITIONS = "linkerd-crds"
CONTROL_PLANE = "linkerd-control-plane"
ISSUER = "linkerd-identity-issuer"
"""the secret of the issuer"""
_WEBHOOKS = {
    "proxyInjector": "linkerd-proxy-injector",
    "profileValidator": "linkerd-sp-validator",
    "policyValidator": "linkerd-policy-validator",
}
"""their services, by the values of the chart that are about them"""
_KEYS = ("identity.issuer.tls.keyPEM", *(f"{each}.keyPEM" for each in _WEBHOOKS))


class Values(Model, frozen=True, kw_only=True):
    """The values of an operation, typed; see SCHEMA for what each means."""

    charts: str = ""
    crds: dict[str, Any] = {}
    control_plane: dict[str, Any] = {}
    anchor: Literal["", "add", "switch", "retire"] = ""


class InstallSpec(Model, frozen=True, kw_only=True):
    """What an installation shall be."""

    version: str
    namespace: str = words.NAMESPACE
    trust_domain: str = DOMAIN
    values: Values = Values()

    @property
    def names(self) -> Names:
        """What its certificates are called, as Linkerd's documents have it."""
        return Names(
            anchor=f"root.{self.namespace}.{self.trust_domain}",
            issuer=f"identity.{self.namespace}.{self.trust_domain}",
            servers={f"{each}-k8s-tls": f"{each}.{self.namespace}.svc" for each in _WEBHOOKS.values()},
        )


SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "charts": {
            "type": "string",
            "maxLength": 1000,
            "description": "where Linkerd's charts are: a folder on the worker's host, a repository (https://…) or an"
            " OCI registry (oci://…); empty: as the worker is set up",
        },
        "crds": {"type": "object", "description": f"values of the chart {DEFINITIONS}"},
        "control_plane": {
            "type": "object",
            "description": f"values of the chart {CONTROL_PLANE}, as its values.yaml explains, without private keys",
        },
        "anchor": {
            "enum": ["", "add", "switch", "retire"],
            "description": "a step of an upgrade towards another trust anchor: trust a new one beside the old, have the"
            " new one sign, trust the old one no more; between them the workloads are restarted",
        },
    },
}


def values_of(values: dict[str, Any]) -> Values:
    """The values of an operation. Raises msgspec.ValidationError."""
    return msgspec.convert(values, Values)


def forbidden(values: Values) -> list[str]:
    """Private keys among values, by their paths: a command is stored as it was sent."""
    return [path for path in _KEYS if _at(values.control_plane, path)]


def components(spec: InstallSpec, authority: Authority) -> list[Component]:
    """The components of an installation, in the order in which they are applied; the namespace comes before them."""
    derived: dict[str, Any] = {
        "identityTrustAnchorsPEM": authority.bundle,
        "identityTrustDomain": spec.trust_domain,
        "identity": {"issuer": {"scheme": "kubernetes.io/tls"}},
    }
    for value, service in _WEBHOOKS.items():
        bundle = authority.servers[f"{service}-k8s-tls"].certificate
        derived[value] = {"externalSecret": True, "caBundle": bundle}
    plane = merged(derived, spec.values.control_plane)
    return [
        Component(chart=DEFINITIONS, release=DEFINITIONS, namespace=spec.namespace, values=spec.values.crds),
        Component(chart=CONTROL_PLANE, release=CONTROL_PLANE, namespace=spec.namespace, values=plane),
    ]


def namespace(spec: InstallSpec) -> Component:
    """The namespace, which comes first and goes last."""
    return Component(chart="", release=f"namespace-{spec.namespace}", namespace=spec.namespace)


def secrets(namespace: str, authority: Authority) -> list[dict[str, Any]]:
    """The secrets that the chart finds there."""
    signer = authority.anchors[-1] if authority.new_signs else authority.anchors[0]
    issuer = _secret(namespace, ISSUER, authority.issuer, {"ca.crt": signer.certificate})
    return [issuer, *(_secret(namespace, name, pair, {}) for name, pair in authority.servers.items())]


def _secret(namespace: str, name: str, pair: Pair, more: dict[str, str]) -> dict[str, Any]:
    texts = {"tls.crt": pair.certificate, "tls.key": pair.key, **more}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {words.PLANE: namespace}},
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()},
    }


def _at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values
