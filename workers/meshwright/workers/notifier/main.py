"""The composition root of the notifier: settings, key, bus, lease.

Invariant: of several notifiers one delivers and the others stand by; two at once would repeat deliveries, which
receivers must tolerate anyway, but lose none. SIGTERM and SIGINT end it.
"""

import argparse
import logging
import sys

import uvloop

from meshwright.core import bus as mwbus
from meshwright.core import settings
from meshwright.core.bus.kv import leases
from meshwright.core.security import sealing, ssrf
from meshwright.core.telemetry import endpoint
from meshwright.core.telemetry import logging as mwlogging
from meshwright.core.telemetry.metrics import Registry
from meshwright.workers import running
from meshwright.workers.notifier.backoff import InvalidSchedule, Schedule, schedule
from meshwright.workers.notifier.posting import Poster
from meshwright.workers.notifier.subscriptions import Subscriptions

log = logging.getLogger(__name__)
LEASE = "notifier"
_VERSION = "0.1.0"


class NotifierSettings(settings.Settings, frozen=True, kw_only=True):
    """The notifier's own settings."""

    webhook_pauses: str = "5s,30s,2m,10m,30m,1h,2h"
    """pauses before each further attempt of a delivery; after the last attempt it counts as failed"""
    webhook_timeout: settings.Seconds = 15.0
    """seconds that one call may take in total"""


def main() -> None:
    """Run `meshwright-notifier`."""
    argparse.ArgumentParser(prog="meshwright-notifier", description="Deliver events to webhooks.").parse_args()
    try:
        chosen = settings.load(NotifierSettings)
        if chosen.secret_key_file is None:
            sys.exit("meshwright-notifier: set MESHWRIGHT_SECRET_KEY_FILE, the same file as for the API")
        poster = Poster(
            sealing.from_file(chosen.secret_key_file),
            ssrf.policy(chosen.webhook_allow),
            ssrf.system_resolver,
            chosen.webhook_timeout,
        )
        pauses = schedule(chosen.webhook_pauses)
    except (settings.InvalidSettings, sealing.InvalidKeyFile, ssrf.InvalidPolicy, InvalidSchedule, OSError) as error:
        sys.exit(f"meshwright-notifier: {error}")
    mwlogging.configure(chosen.log_level, chosen.log_format)
    try:
        with running.one_line_errors("meshwright-notifier"):
            uvloop.run(_run(chosen, poster, pauses))
    except mwbus.BusUnavailable as error:
        sys.exit(f"meshwright-notifier: {error}")


async def _run(chosen: NotifierSettings, poster: Poster, pauses: Schedule) -> None:
    """Raises BusUnavailable when NATS does not answer at the start."""

    async def notify() -> None:
        await Subscriptions(bus, poster, pauses).run()

    registry = Registry()
    async with (
        mwbus.join(chosen, "notifier") as bus,
        endpoint.observed("meshwright-notifier", _VERSION, registry, chosen.metrics_listen),
    ):
        bus.publisher.count_in(registry)
        await running.until_signalled(lambda: leases.hold(bus, LEASE, running.instance(), notify))
    log.info("the notifier has stopped")
