"""A real Consul server with its service mesh on, on loopback.

Problem: a server that takes every request proves nothing about tokens. Invariant: access control is on and whoever has
no token may do nothing, while services may call each other until intentions say otherwise, as on most Consuls; whatever
it writes goes with it.
"""

import json
import uuid
from pathlib import Path
from typing import Any

import httpx

from meshwright.core.testing.servers import HOST, Server, free_port
from testbed import programs

DATACENTER = "dc1"
_ANONYMOUS = "00000000-0000-0000-0000-000000000002"
_NOTHING = """
agent_prefix "" { policy = "deny" }
event_prefix "" { policy = "deny" }
key_prefix "" { policy = "deny" }
node_prefix "" { policy = "deny" }
query_prefix "" { policy = "deny" }
service_prefix "" { policy = "deny" intentions = "deny" }
session_prefix "" { policy = "deny" }
keyring = "deny"
mesh = "deny"
operator = "deny"
"""


class ConsulServer(Server):
    """Use as `async with ConsulServer() as consul:`. `token` may do everything."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.xds = free_port()
        self.token = str(uuid.uuid4())
        self._rpc, self._gossip = free_port(), free_port()

    @property
    def url(self) -> str:
        """Of its HTTP API."""
        return f"http://{HOST}:{self.port}"

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """A client with a token, by default the one that may do everything; empty: without any."""
        headers = {"X-Consul-Token": self.token if token is None else token}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def _command(self) -> list[str]:
        path = self.folder / "consul.json"
        path.write_text(json.dumps(self._settings()))
        path.chmod(0o600)
        return [str(programs.CONSUL.path), "agent", f"-config-file={path}"]

    def _settings(self) -> dict[str, Any]:
        return {
            "server": True,
            "bootstrap": True,
            "node_name": "testbed",
            "datacenter": DATACENTER,
            "data_dir": str(self.folder / "data"),
            "bind_addr": HOST,
            "client_addr": HOST,
            "disable_update_check": True,
            "leave_on_terminate": False,
            "log_level": "warn",
            "connect": {"enabled": True},
            "ui_config": {"enabled": False},
            "performance": {"raft_multiplier": 1},
            "ports": {
                "http": self.port,
                "grpc": self.xds,
                "server": self._rpc,
                "serf_lan": self._gossip,
                **dict.fromkeys(("https", "grpc_tls", "dns", "serf_wan"), -1),
            },
            "acl": {
                "enabled": True,
                "default_policy": "allow",
                "tokens": {"initial_management": self.token, "agent": self.token},
            },
        }

    async def _greets(self) -> bool:
        """It has a leader, who has begun to issue certificates, and refuses whoever has no token."""
        async with self.client() as client:
            try:
                roots = await client.get("/v1/connect/ca/roots")
                return roots.status_code == 200 and bool(roots.json().get("Roots")) and await _is_closed(client)
            except (httpx.HTTPError, ValueError):
                return False


async def _is_closed(client: httpx.AsyncClient) -> bool:
    policy = await client.put("/v1/acl/policy", json={"Name": "nothing", "Rules": _NOTHING})
    known = policy.status_code == 200 or "already exists" in policy.text
    body = {"AccessorID": _ANONYMOUS, "Policies": [{"Name": "nothing"}]}
    return known and (await client.put(f"/v1/acl/token/{_ANONYMOUS}", json=body)).status_code == 200
