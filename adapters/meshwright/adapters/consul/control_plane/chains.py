"""Discovery chains: what Consul makes of the resolver, splitter and router of a service.

Invariant: a chain that Consul compiles is what it sends to proxies.
https://developer.hashicorp.com/consul/api-docs/discovery-chain.
"""

from collections.abc import Iterable
from urllib.parse import quote

from meshwright.adapters.consul.control_plane.api import Api, Refused
from meshwright.schemas.intents import Resource

_OF_CHAINS = frozenset({"service-resolver", "service-splitter", "service-router"})


def services(resources: Iterable[Resource]) -> list[str]:
    """The services whose chains these entries make."""
    return sorted({each.ref.name for each in resources if each.ref.kind in _OF_CHAINS})


async def check(api: Api, service: str) -> None:
    """Raises Refused when Consul cannot compile the chain of a service."""
    answer = await api.get(f"/v1/discovery-chain/{quote(service, safe='')}")
    if answer is None or not answer.get("Chain"):
        raise Refused(f"Consul has no discovery chain of {service}", "See what its servers log.")
