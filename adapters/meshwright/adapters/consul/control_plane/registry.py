"""The instances that Consul knows: services, their sidecars, gateways, and how healthy they are.

Invariant: an instance is asked for with its checks, so that health and catalog cannot disagree.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from meshwright.adapters.consul.control_plane.api import Api
from meshwright.adapters.consul.facts import Instance, Service

SIDECAR, INGRESS = "connect-proxy", "ingress-gateway"
_AT_ONCE = 8
Registered = dict[str, Any]
"""one instance with its checks, as `/v1/health/service` has it"""


def services_of(registered: Iterable[Registered]) -> list[Service]:
    """The services of these instances, sidecars counted with those that they stand for."""
    instances: dict[str, list[Instance]] = {}
    sidecars: dict[str, list[Registered]] = {}
    for each in registered:
        service = each["Service"]
        kind = service.get("Kind") or ""
        if kind == SIDECAR:
            sidecars.setdefault(str((service.get("Proxy") or {}).get("DestinationServiceName", "")), []).append(service)
        elif not kind:
            instances.setdefault(service["Service"], []).append(_instance(each))
    return [
        Service(
            name=name,
            instances=instances.get(name, []),
            proxies=len(proxies := sidecars.get(name, [])),
            upstreams=_upstreams(proxies),
            transparent=any((each.get("Proxy") or {}).get("Mode") == "transparent" for each in proxies),
        )
        for name in sorted(instances.keys() | sidecars.keys())
        if name
    ]


async def registered(api: Api, names: Sequence[str] = ()) -> list[Registered]:
    """All instances of these services, or of every service of the catalog, so many at a time."""
    wanted = names or sorted(await api.get("/v1/catalog/services") or {})
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> list[Registered]:
        async with gate:
            answer: list[Registered] = await api.get(f"/v1/health/service/{quote(name, safe='')}") or []
            return answer

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(each)) for each in wanted]
    return [each for task in tasks for each in task.result()]


def is_passing(instance: Registered) -> bool:
    """Whether Consul sends requests there."""
    return all(each.get("Status") != "critical" for each in instance.get("Checks") or [])


def _instance(registered_one: Registered) -> Instance:
    service = registered_one["Service"]
    return Instance(
        id=str(service.get("ID", "")),
        meta={str(key): str(value) for key, value in (service.get("Meta") or {}).items()},
        tags=[str(each) for each in service.get("Tags") or []],
        passing=is_passing(registered_one),
    )


def _upstreams(proxies: Iterable[Registered]) -> list[str]:
    upstreams = [one for each in proxies for one in (each.get("Proxy") or {}).get("Upstreams") or []]
    return sorted({str(each.get("DestinationName", "")) for each in upstreams})
