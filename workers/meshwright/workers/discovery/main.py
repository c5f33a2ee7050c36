"""The composition root of discovery: settings, key, bus.

Invariant: of several workers one watches each connection; writes of a former holder are refused by the stream. SIGTERM
and SIGINT end it.
"""

import argparse
import logging
import sys

import uvloop

from meshwright.core import bus as mwbus
from meshwright.core import settings
from meshwright.core.kit.connections import Connections
from meshwright.core.security import connection_rules, kubeconfig, sealing, ssrf
from meshwright.core.telemetry import endpoint
from meshwright.core.telemetry import logging as mwlogging
from meshwright.core.telemetry.metrics import Registry
from meshwright.schemas import subjects
from meshwright.schemas.connections import Kubernetes
from meshwright.workers import running
from meshwright.workers.discovery import selection
from meshwright.workers.discovery.supervising import Discovery

log = logging.getLogger(__name__)
_VERSION = "0.1.0"
_CANNOT_START = (
    settings.InvalidSettings,
    selection.InvalidSelection,
    sealing.InvalidKeyFile,
    ssrf.InvalidPolicy,
    kubeconfig.InvalidAllowance,
    mwbus.BusUnavailable,
    OSError,
)


class DiscoverySettings(settings.Settings, frozen=True, kw_only=True):
    """The settings of discovery."""

    discovery_kinds: str = ""
    """further kinds to watch in every cluster, as `core/ConfigMap,networking.k8s.io/*`, separated by commas"""


def main() -> None:
    """Run `meshwright-discovery`."""
    argparse.ArgumentParser(
        prog="meshwright-discovery", description="Watch the clusters of all Kubernetes connections."
    ).parse_args()
    try:
        chosen = settings.load(DiscoverySettings)
        mwlogging.configure(chosen.log_level, chosen.log_format)
        with running.one_line_errors("meshwright-discovery"):
            uvloop.run(_run(chosen, selection.configured(chosen.discovery_kinds)))
    except _CANNOT_START as error:
        sys.exit(f"meshwright-discovery: {error}")


async def _run(chosen: DiscoverySettings, wanted: selection.Wanted) -> None:
    """Raises InvalidSettings and similar for wrong settings, and BusUnavailable when NATS does not answer at the
    start.
    """
    sealer = sealing.from_file(chosen.secret_key_file) if chosen.secret_key_file else None
    rules = connection_rules.rules(chosen.connection_allow, chosen.kubeconfig_allow)
    registry = Registry()
    published = registry.counter(
        "meshwright_discovery_objects_total", "Changes of objects that were published", "outcome"
    )
    async with mwbus.join(chosen, subjects.DISCOVERY) as bus:
        bus.publisher.count_in(registry)
        connections = Connections(bus, [Kubernetes], sealer, rules)
        discovery = Discovery(bus, connections, running.instance(), wanted, published)
        async with endpoint.observed("meshwright-discovery", _VERSION, registry, chosen.metrics_listen):
            await running.until_signalled(discovery.run)
    log.info("discovery has stopped")
