"""Egress control: which hosts outside the mesh workloads may reach.

Invariant: the root namespace's Sidecar refuses every host that nobody has named, and each host that is allowed is a
ServiceEntry of its own, so that several designs may allow the same one.
"""

import re

from meshwright.adapters.istio.facts import CLASSIC, IstioFacts
from meshwright.adapters.istio.intents import values
from meshwright.adapters.istio.intents.values import Json
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import EgressControl, Resource

NOTE = "the hosts are reached on port 80 by HTTP and on port 443 by TLS; other ports stay closed"
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")
_ADDRESS = re.compile(r"[0-9.]+")


def egress(facts: IstioFacts, intent: EgressControl) -> list[Resource]:
    """The closed default and the entries of its exceptions. Raises CannotExpress."""
    ambient = [each.name for each in facts.namespaces if each.mode == "ambient"]
    if ambient:
        raise CannotExpress(
            f"{', '.join(ambient[:5])} are enrolled in ambient, and ztunnel passes on what it does not know",
            "enrol them with sidecars, or restrict them by NetworkPolicies",
        )
    closed: Json = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "egress": [{"hosts": ["*/*"]}]}
    default = values.resource(CLASSIC, "v1", "Sidecar", facts.root, "default", closed)
    return [default, *(_entry(facts, host) for host in dict.fromkeys(each.lower() for each in intent.hosts))]


def _entry(facts: IstioFacts, host: str) -> Resource:
    if not HOST.fullmatch(host) or _ADDRESS.fullmatch(host) or len(host) > 253:
        raise CannotExpress(
            f"{host!r} is no host name as Istio takes it: labels of letters, digits and hyphens, the first may be *",
            "write names such as api.example.com or *.example.com; addresses go into a ServiceEntry of the design",
        )
    spec: Json = {
        "hosts": [host],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE" if host.startswith("*") else "DNS",
        "ports": [
            {"number": 80, "name": "http", "protocol": "HTTP"},
            {"number": 443, "name": "tls", "protocol": "TLS"},
        ],
    }
    name = values.object_name(f"egress.{host}" if not host.startswith("*") else f"egress-any{host[1:]}")
    return values.resource(CLASSIC, "v1", "ServiceEntry", facts.root, name, spec)
