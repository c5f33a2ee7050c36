"""Of what a Kuma consists, with which values, and which secret its chart finds there.

Problem: left to itself the chart makes certificates whenever it is rendered, and brings what only Helm's hooks would
do. Invariant: pure functions. The certificate of the control plane is in a secret that is there before the chart; hooks
are off, since the kit applies definitions itself and marks the namespace. What a person gave for the chart wins.
"""

import base64
import re
from typing import Any

import msgspec

from meshwright.adapters.kuma import words
from meshwright.core.kit.kubernetes.installing.authorities import Authority, Names
from meshwright.core.kit.kubernetes.installing.components import Component, merged
from meshwright.schemas.base import Model
from meshwright.schemas.errors import FieldError

_RELEASE = re.compile(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
CHART = "kuma"
SECRET = "meshwright-kuma-tls"
"""of the control plane's servers, its webhooks among them"""


class Values(Model, frozen=True, kw_only=True):
    """The values of an operation, typed; see SCHEMA for what each means."""

    charts: str = ""
    kuma: dict[str, Any] = {}


class InstallSpec(Model, frozen=True, kw_only=True):
    """What an installation shall be."""

    version: str
    namespace: str = words.NAMESPACE
    values: Values = Values()

    @property
    def names(self) -> Names:
        """What its certificates are called."""
        host = f"{words.PLANE}.{self.namespace}.svc"
        return Names(anchor=f"root.{host}", issuer=f"issuer.{host}", servers={SECRET: host})


SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "charts": {
            "type": "string",
            "maxLength": 1000,
            "description": "where Kuma's chart is: a folder on the worker's host, a repository (https://…) or an OCI"
            " registry (oci://…); empty: as the worker is set up",
        },
        "kuma": {"type": "object", "description": f"values of the chart {CHART}, as its values.yaml explains"},
    },
}


def values_of(values: dict[str, Any]) -> Values:
    """The values of an operation. Raises msgspec.ValidationError."""
    return msgspec.convert(values, Values)


def problems(version: str) -> list[FieldError]:
    """What is wrong with what is to be a release."""
    if _RELEASE.fullmatch(version):
        return []
    return [FieldError(detail=f"{version!r} is no release: one is written like 2.14.3", pointer="#/version")]


def namespace(spec: InstallSpec) -> Component:
    """The namespace, which comes first and goes last."""
    return Component(chart="", release=f"namespace-{spec.namespace}", namespace=spec.namespace)


def chart(spec: InstallSpec, authority: Authority) -> Component:
    """The chart with all that it brings."""
    bundle = base64.b64encode(authority.servers[SECRET].certificate.encode()).decode()
    derived: dict[str, Any] = {
        "noHelmHooks": True,
        "patchSystemNamespace": False,
        "installCrdsOnUpgrade": {"enabled": False},
        "controlPlane": {"tls": {"general": {"secretName": SECRET, "caBundle": bundle}}},
    }
    return Component(chart=CHART, release=CHART, namespace=spec.namespace, values=merged(derived, spec.values.kuma))


def secrets(namespace: str, authority: Authority) -> list[dict[str, Any]]:
    """The secret that the chart finds there."""
    pair = authority.servers[SECRET]
    texts = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": pair.certificate}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": namespace, "labels": {"app": words.PLANE}},
            "type": "kubernetes.io/tls",
            "data": {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()},
        }
    ]
