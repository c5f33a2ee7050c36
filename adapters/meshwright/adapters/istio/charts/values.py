"""The values of an installation: those of each chart, and few of our own.

Invariant: whatever does not stand in this schema is refused before anything begins; the values of a chart itself are
judged by the chart.
"""

from typing import Any, Literal

import msgspec

from meshwright.schemas.base import Model

Until = Literal["installed", "moved", "retired"]


class Values(Model, frozen=True, kw_only=True):
    """The values of an operation, typed; see SCHEMA for what each means."""

    charts: str = ""
    hub: str = ""
    tag: str = ""
    platform: str = ""
    tags: list[str] = []
    gateway_namespace: str = ""
    base: dict[str, Any] = {}
    istiod: dict[str, Any] = {}
    cni: dict[str, Any] = {}
    ztunnel: dict[str, Any] = {}
    gateway: dict[str, Any] = {}
    until: Until = "retired"
    restart: bool = True


_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


def _chart(name: str) -> dict[str, Any]:
    return {"type": "object", "description": f"values of Istio's chart {name}, as its values.yaml explains"}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "charts": {
            "type": "string",
            "maxLength": 1000,
            "description": "where Istio's charts are: a folder on the worker's host, a repository (https://…) or an OCI"
            " registry (oci://…); empty: as the worker is set up",
        },
        "hub": {"type": "string", "maxLength": 253, "description": "where its images are"},
        "tag": {"type": "string", "maxLength": 128, "description": "of its images; empty: the version"},
        "platform": {
            "enum": ["", "gke", "k3d", "k3s", "microk8s", "minikube", "openshift"],
            "description": "what needs settings of its own",
        },
        "tags": {
            "type": "array",
            "maxItems": 20,
            "items": {"type": "string", "pattern": _NAME},
            "description": "revision tags that point to the revision",
        },
        "gateway_namespace": {
            "type": "string",
            "pattern": _NAME,
            "description": "where the ingress gateway of the profile default lives; without it istio-ingress",
        },
        "base": _chart("base"),
        "istiod": _chart("istiod"),
        "cni": _chart("cni"),
        "ztunnel": _chart("ztunnel"),
        "gateway": _chart("gateway"),
        "until": {
            "enum": ["installed", "moved", "retired"],
            "description": "how far an upgrade to another revision goes: until the new control plane runs, until tags"
            " and namespaces have moved to it, or until the old one is gone (the default)",
        },
        "restart": {
            "type": "boolean",
            "description": "whether an upgrade starts the workloads of what it moves anew; they keep their old proxies"
            " without it",
        },
    },
}


def values_of(values: dict[str, Any]) -> Values:
    """The values of an operation. Raises msgspec.ValidationError."""
    return msgspec.convert(values, Values)
