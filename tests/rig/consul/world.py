"""Applications behind Consul's sidecars: `web` calls `reviews` and `ratings`, and an ingress gateway calls them all.

Problem: nothing redirects connections on a test machine, so a workload reaches another one at the port that its own
sidecar opens for that upstream. Invariant: each is registered as people register services, with a sidecar of its own;
requests go from a client to the sidecar of the caller, to that of the callee, to the application.
"""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import HOST, free_port
from rig.consul.sidecars import Sidecar
from rig.effects.mesh import WORKLOADS
from rig.stack.envoy_mesh import App
from testbed.consul import ConsulServer

GATEWAY = "ingress"
_READY_S = 60.0


class World:
    """Use as `async with World(consul, folder) as world:`; it is left when every service is reached by `web`.

    `default_protocol` is what proxy-defaults say of all services; empty: nothing, so that Consul takes them for TCP.
    """

    def __init__(
        self,
        consul: ConsulServer,
        folder: Path,
        workloads: Mapping[str, tuple[str, str]] = WORKLOADS,
        *,
        default_protocol: str = "http",
    ) -> None:
        self.consul, self._folder, self._workloads = consul, folder, dict(workloads)
        self._services = sorted({service for service, _ in self._workloads.values()})
        self._protocol = default_protocol
        self.apps: dict[str, App] = {}
        self.sidecars: dict[str, Sidecar] = {}
        self.inbound = {name: free_port() for name in self._workloads}
        self.outbound = {(name, to): free_port() for name in self._workloads for to in self._services}
        self.ingress_port = free_port()
        self._stack = AsyncExitStack()
        self._clients: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def get(
        self,
        service: str,
        path: str = "/",
        *,
        by: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> tuple[httpx.Response, float]:
        """Call a service as a workload does, with the seconds that it took. The path is sent as it is written."""
        return await self.request(self.outbound[by, service], service, path, headers=headers, method=method)

    async def request(
        self, port: int, host: str, path: str = "/", *, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> tuple[httpx.Response, float]:
        """One request to a port of loopback, by a connection of its own. Raises httpx.TransportError."""
        named = {"host": host, "connection": "close", **(headers or {})}
        began = time.monotonic()
        as_written = {"target": path.encode()}
        url = f"http://{HOST}:{port}/"
        response = await self._clients.request(method, url, headers=named, extensions=as_written)
        return response, time.monotonic() - began

    async def rejected(self) -> dict[str, list[str]]:
        """The updates that Envoys have refused."""
        return {name: lines for name, each in self.sidecars.items() if (lines := await each.rejected())}

    async def _start(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        client = httpx.AsyncClient(trust_env=False, timeout=30, limits=limits)
        self._clients = await self._stack.enter_async_context(client)
        for name in self._workloads:
            self.apps[name] = await self._stack.enter_async_context(App(name).serving())
        async with self.consul.client() as api:
            if self._protocol:
                entry = {"Kind": "proxy-defaults", "Name": "global", "Config": {"protocol": self._protocol}}
                (await api.put("/v1/config", json=entry)).raise_for_status()
            for name in self._workloads:
                (await api.put("/v1/agent/service/register", json=self._registration(name))).raise_for_status()
            (await api.put("/v1/agent/service/register", json=self._gateway())).raise_for_status()
        for name in self._workloads:
            self._launch(name, f"{name}-sidecar-proxy")
        self._launch(GATEWAY, GATEWAY)
        for service in self._services:
            await eventually(lambda service=service: self._reaches(service), timeout=_READY_S)  # type: ignore[misc]

    def _launch(self, name: str, service_id: str) -> None:
        sidecar = Sidecar(self.consul, service_id, self._folder)
        self.sidecars[name] = sidecar
        self._stack.push_async_callback(sidecar.stop)
        sidecar.start()

    async def _reaches(self, service: str) -> bool:
        callers = [name for name in self._workloads if self._workloads[name][0] != service]
        wanted = {name for name, (of, _) in self._workloads.items() if of == service}
        try:
            for by in callers:
                answers = [(await self.get(service, by=by))[0] for _ in range(2 * len(wanted))]
                if {each.status_code for each in answers} != {200} or {each.text for each in answers} != wanted:
                    return False
        except httpx.TransportError:
            return False
        return True

    def _registration(self, name: str) -> dict[str, Any]:
        service, version = self._workloads[name]
        upstreams = [
            {"DestinationName": to, "LocalBindAddress": HOST, "LocalBindPort": self.outbound[name, to]}
            for to in self._services
        ]
        port = self.inbound[name]
        listening = {"Name": "listening", "TCP": f"{HOST}:{port}", "Interval": "1s", "Status": "passing"}
        return {
            "ID": name,
            "Name": service,
            "Address": HOST,
            "Port": self.apps[name].port,
            "Meta": {"version": version},
            "Connect": {
                "SidecarService": {
                    "Port": port,
                    "Checks": [listening],
                    "Proxy": {
                        "LocalServiceAddress": HOST,
                        "Config": {"bind_address": HOST},
                        "Upstreams": upstreams,
                    },
                }
            },
        }

    def _gateway(self) -> dict[str, Any]:
        return {"Kind": "ingress-gateway", "ID": GATEWAY, "Name": GATEWAY, "Address": HOST, "Port": free_port()}
