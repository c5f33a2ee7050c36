"""Where the resources of a Consul mesh live: its config entries.

Invariant: a design counts as taken when Consul compiles the discovery chains of its services. What a proxy has taken
Consul does not tell.
"""

from typing import Any

from meshwright.adapters.consul.control_plane import chains
from meshwright.adapters.consul.control_plane.api import api_of
from meshwright.adapters.consul.control_plane.entries import ConfigEntries
from meshwright.core import kit
from meshwright.core.kit.http_control_plane import ControlPlaneTarget


class ConsulTarget(ControlPlaneTarget):
    """The config entries of one Consul."""

    async def entries(self) -> ConfigEntries:
        """Those of the server that the connection names now."""
        return ConfigEntries(await api_of(self.scope))

    async def wait(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """Return when Consul compiles what was written; raises Reject with its own words when it does not."""
        api = await api_of(self.scope)
        for service in chains.services(draft.resources):
            await attempt.progress(f"asking Consul for the discovery chain of {service}")
            await chains.check(api, service)
