"""Egress control: which hosts outside the cluster meshed workloads may reach.

Invariant: one EgressNetwork in the namespace that counts for all others refuses everything, and each host that is
allowed has routes of its own, so that several designs may allow the same one.
"""

import re

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.adapters.linkerd.intents import values
from meshwright.adapters.linkerd.intents.values import Json
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import EgressControl, Resource

NETWORK = "all-egress"
NOTE = (
    "the hosts are reached on port 80 by HTTP and on port 443 by TLS; an application that goes around its proxy is not"
    " held back by any mesh"
)
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")
_ADDRESS = re.compile(r"[0-9.]+")


def egress(facts: LinkerdFacts, intent: EgressControl) -> list[Resource]:
    """The closed network and the routes of its exceptions. Raises CannotExpress."""
    hosts = list(dict.fromkeys(each.lower() for each in intent.hosts))
    if hosts and not (facts.gateway_api and facts.tls_route):
        raise CannotExpress(
            "the cluster does not serve HTTPRoute and TLSRoute of the Gateway API, by which Linkerd lets hosts through",
            "install both, TLSRoute from the experimental channel where the standard one has none",
        )
    place = facts.egress_namespace
    spec: Json = {"trafficPolicy": "Deny"}
    closed = values.resource(f"{words.POLICY}/v1alpha1", "EgressNetwork", place, NETWORK, spec=spec)
    made = [] if facts.has_egress_namespace else [_namespace(place)]
    return [*made, closed, *(route for host in hosts for route in _routes(facts, host))]


def _namespace(name: str) -> Resource:
    made = values.resource("v1", "Namespace", "", name)
    return Resource(ref=made.ref, body={**made.body, "metadata": {"name": name}})


def _routes(facts: LinkerdFacts, host: str) -> list[Resource]:
    if not _HOST.fullmatch(host) or _ADDRESS.fullmatch(host) or len(host) > 253:
        raise CannotExpress(
            f"{host!r} is no host name as routes take it: labels of letters, digits and hyphens, the first may be *",
            "write names such as api.example.com or *.example.com",
        )
    name = f"egress.{host}" if not host.startswith("*") else f"egress-any{host[1:]}"
    return [
        _route(facts, "HTTPRoute", f"{words.GATEWAYS}/v1", name, host, 80),
        _route(facts, "TLSRoute", f"{words.GATEWAYS}/{facts.tls_route}", name, host, 443),
    ]


def _route(facts: LinkerdFacts, kind: str, api: str, name: str, host: str, port: int) -> Resource:
    network = {"group": words.POLICY, "kind": "EgressNetwork", "name": NETWORK}
    spec: Json = {
        "parentRefs": [{**network, "port": port}],
        "hostnames": [host],
        "rules": [{"backendRefs": [{**network, "port": port}]}],
    }
    return values.resource(api, kind, facts.egress_namespace, name, spec=spec)
