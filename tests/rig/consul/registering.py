"""Services with sidecars as Consul's catalog has them, without any process behind, and what is configured for them."""

from typing import Any

from meshwright.adapters.consul.control_plane.entries import KINDS
from testbed.consul import ConsulServer

SERVICES = {"web": ("v1",), "reviews": ("v1", "v2"), "ratings": ("v1",)}
_NOT_SAID = frozenset({"CreateIndex", "ModifyIndex"})


async def register(consul: ConsulServer) -> None:
    """Register the services; each has all others as upstreams."""
    async with consul.client() as client:
        for service, versions in SERVICES.items():
            upstreams = [
                {"DestinationName": to, "LocalBindPort": 9000 + number}
                for number, to in enumerate(each for each in SERVICES if each != service)
            ]
            for version in versions:
                heard = {"Name": "heard of", "TTL": "1h", "Status": "passing"}
                sidecar = {"Checks": [heard], "Port": 20000, "Proxy": {"Upstreams": upstreams}}
                body = {
                    "ID": f"{service}-{version}",
                    "Name": service,
                    "Port": 8080,
                    "Meta": {"version": version},
                    "Connect": {"SidecarService": sidecar},
                }
                (await client.put("/v1/agent/service/register", json=body)).raise_for_status()


async def configured(consul: ConsulServer) -> list[dict[str, Any]]:
    """Every config entry, without what counts its changes."""
    async with consul.client() as client:
        found = []
        for kind in KINDS:
            found += (await client.get(f"/v1/config/{kind}", params={"consistent": ""})).raise_for_status().json()
        return [{key: value for key, value in each.items() if key not in _NOT_SAID} for each in found]


async def emptied(consul: ConsulServer) -> None:
    """Remove every config entry."""
    async with consul.client() as client:
        for kind in reversed(KINDS):
            for each in (await client.get(f"/v1/config/{kind}")).raise_for_status().json():
                name = each.get("Name", kind)
                (await client.delete(f"/v1/config/{kind}/{name}")).raise_for_status()
