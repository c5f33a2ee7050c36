"""Real Envoys as Consul's sidecars and gateways, each with a bootstrap that leads to the server's xDS.

Invariant: everything is on loopback; a sidecar is told by its registration alone what it stands for.
"""

import json
from pathlib import Path
from typing import Any

import httpx

from meshwright.adapters.envoy.dataplane import program
from meshwright.core.machine import processes
from meshwright.core.testing import children
from meshwright.core.testing.servers import HOST
from testbed.consul import ConsulServer

_STOPPED_S = 10.0


class Sidecar:
    """One Envoy; `service_id` is that of the registered proxy."""

    def __init__(self, consul: ConsulServer, service_id: str, folder: Path) -> None:
        self._consul, self._id = consul, service_id
        self._admin = folder / f"{service_id}.sock"
        self._log = folder / f"{service_id}.log"
        self._bootstrap = folder / f"{service_id}.json"
        self._process: children.Process | None = None

    def start(self) -> None:
        """Start it; it takes its configuration from then on."""
        self._bootstrap.write_text(json.dumps(self._settings()))
        self._bootstrap.chmod(0o600)
        command = [
            *(str(program.envoy()), "--config-path", str(self._bootstrap), "--use-dynamic-base-id"),
            *("--concurrency", "1", "--log-level", "warning", "--drain-time-s", "1"),
        ]
        self._process = children.start(command, self._log)

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            await children.ended(self._process, _STOPPED_S)

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text() if self._log.exists() else ""

    def last_words(self) -> str:
        """The end of its log."""
        return processes.tail(self._log, 20)

    async def ask(self, path: str) -> str:
        """Ask its administration."""
        transport = httpx.AsyncHTTPTransport(uds=str(self._admin))
        async with httpx.AsyncClient(transport=transport, base_url="http://admin", timeout=10) as client:
            return (await client.get(path)).text

    async def rejected(self) -> list[str]:
        """The statistics of updates that it has refused."""
        lines = (await self.ask("/stats?filter=update_rejected|lds.update_rejected")).splitlines()
        return [line for line in lines if not line.endswith(": 0")]

    def _settings(self) -> dict[str, Any]:
        ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
        token = [{"key": "x-consul-token", "value": self._consul.token}]
        socket = {"socket_address": {"address": HOST, "port_value": self._consul.xds}}
        http2: dict[str, Any] = {"explicit_http_config": {"http2_protocol_options": {}}}
        kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        return {
            "node": {"id": self._id, "cluster": self._id, "metadata": {"namespace": "default", "partition": "default"}},
            "admin": {"address": {"pipe": {"path": str(self._admin)}}},
            "dynamic_resources": {
                "lds_config": ads,
                "cds_config": ads,
                "ads_config": {
                    "api_type": "DELTA_GRPC",
                    "transport_api_version": "V3",
                    "grpc_services": {"initial_metadata": token, "envoy_grpc": {"cluster_name": "local_agent"}},
                },
            },
            "static_resources": {
                "clusters": [
                    {
                        "name": "local_agent",
                        "type": "STATIC",
                        "connect_timeout": "1s",
                        "typed_extension_protocol_options": {kind: {"@type": f"type.googleapis.com/{kind}", **http2}},
                        "load_assignment": {
                            "cluster_name": "local_agent",
                            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket}}]}],
                        },
                    }
                ]
            },
        }
