"""The composition root of an adapter worker: settings, bus, adapter, service, presence, worker.

Invariant: resources are closed in reverse order, whatever fails; SIGTERM and SIGINT drain.
"""

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any

import uvloop
from msgspec import Meta

from meshwright.core import bus as mwbus
from meshwright.core import ending, kit, settings
from meshwright.core.bus.client import serving
from meshwright.core.bus.kv import presence
from meshwright.core.kit.connections import Connections
from meshwright.core.kit.traffic.counting import EdgeCounters
from meshwright.core.security import connection_rules, kubeconfig, sealing, ssrf
from meshwright.core.telemetry import endpoint, sanitizing
from meshwright.core.telemetry import logging as mwlogging
from meshwright.core.telemetry.metrics import Counter, Registry
from meshwright.schemas import adapters, subjects
from meshwright.schemas.connections import ConnectionSettings, Prometheus
from meshwright.workers import running
from meshwright.workers.host import answering, drifting, loading, measuring, observing
from meshwright.workers.host.queues import OperationQueues, open_settled
from meshwright.workers.host.working import Limits, Worker

log = logging.getLogger(__name__)
_CANNOT_START = (
    loading.AdapterNotLoadable,
    settings.InvalidSettings,
    mwbus.BusUnavailable,
    sealing.NoKeyFile,
    sealing.InvalidKeyFile,
    sealing.CannotOpen,
    ssrf.InvalidPolicy,
    kubeconfig.InvalidAllowance,
)


class HostSettings(settings.Settings, frozen=True, kw_only=True):
    """The settings of a worker. Times are in seconds; see `working.Limits`."""

    api_host: str = "127.0.0.1"
    api_port: int = 8410
    """the API's port, as in the API's own setting"""
    worker_max_running: settings.AtLeastOne = 32
    worker_max_attempts: settings.AtLeastOne = 5
    worker_ack_wait: settings.Seconds = 10.0
    worker_drift_every: settings.Seconds = 10.0
    """interval of drift detection"""
    worker_status_every: settings.Seconds = 15.0
    """interval of reading the status of a mesh, where its adapter registers a status reader"""
    worker_traffic_every: settings.Seconds = 10.0
    """interval of reading what the proxies of a mesh count, where its adapter says what that means"""
    worker_grace: Annotated[float, Meta(ge=0, le=1e7)] = 20.0


def main() -> None:
    """Run `meshwright-adapter NAME`."""
    parser = argparse.ArgumentParser(prog="meshwright-adapter", description="Run the worker of one adapter.")
    parser.add_argument("adapter", help="the entry point of an installed adapter, or module:attribute")
    name = parser.parse_args().adapter
    try:
        chosen = settings.load(HostSettings)
    except settings.InvalidSettings as error:
        sys.exit(sanitizing.escaped(f"meshwright-adapter: {error}"))
    mwlogging.configure(chosen.log_level, chosen.log_format)
    try:
        with running.one_line_errors("meshwright-adapter"):
            uvloop.run(run(name, chosen))
    except _CANNOT_START as error:
        sys.exit(sanitizing.escaped(f"meshwright-adapter: {error}"))


async def run(name: str, chosen: HostSettings) -> None:
    """Serve one adapter until SIGTERM or SIGINT.

    Raises AdapterNotLoadable (published first when it is installed), InvalidSettings, BusUnavailable, and the errors of
    `sealing` without a usable key.
    """
    stop = running.stop_signal()
    try:
        adapter = loading.load(name)
    except loading.AdapterNotLoadable as error:
        if ":" not in name and not isinstance(error, loading.NoSuchAdapter):
            await _publish_failure(name, chosen, str(error))
        raise
    instance = running.instance()
    who = f"adapter-{name.rpartition(':')[2]}"
    async with mwbus.join(chosen, who) as bus:
        registry = Registry()
        bus.publisher.count_in(registry)
        ended = registry.counter("meshwright_operations_total", "Operations that ended here", "kind", "end")
        service = f"meshwright-adapter-{adapter.name}"
        async with endpoint.observed(service, adapter.version, registry, chosen.metrics_listen):
            await _serve(bus, adapter, instance, chosen, ended, EdgeCounters(registry), stop)


async def _serve(
    bus: mwbus.Connection,
    adapter: kit.Adapter,
    instance: str,
    chosen: HostSettings,
    ended: Counter,
    edges: EdgeCounters,
    stop: asyncio.Event,
) -> None:
    limits = Limits(
        max_running=chosen.worker_max_running,
        max_attempts=chosen.worker_max_attempts,
        ack_wait=chosen.worker_ack_wait,
        grace=chosen.worker_grace,
    )
    sealer = sealing.from_file(chosen.secret_key_file) if chosen.secret_key_file else None
    rules = connection_rules.rules(chosen.connection_allow, chosen.kubeconfig_allow)
    runtime = kit.Runtime(
        bus,
        adapter.name,
        instance,
        chosen.data_dir,
        sealer,
        servers=_servers(chosen),
        connections=Connections(bus, _kinds(adapter), sealer, rules),
    )
    if adapter.settings:
        runtime.settings(adapter.settings)
    turns = OperationQueues(bus, await open_settled(bus))
    async with (
        adapter.running(runtime) as service,
        serving.serving(bus, adapter.name, adapter.version, answering.endpoints(adapter, runtime, service, bus)),
        presence.announced(bus, adapter.announcement(instance)),
        _beside(drifting.watch(adapter, runtime, service, turns, chosen.worker_drift_every), adapter.has_target),
        _beside(
            observing.watch(adapter, runtime, service, turns, chosen.worker_status_every),
            adapter.status_reader is not None,
        ),
        _beside(
            measuring.watch(adapter, runtime, service, chosen.worker_traffic_every, edges), adapter.traffic is not None
        ),
    ):
        log.info("adapter %s %s is ready as %s", adapter.name, adapter.version, instance)
        await Worker(bus, adapter, runtime, service, turns, limits, ended).run(stop)
    log.info("adapter %s has stopped", adapter.name)


def _kinds(adapter: kit.Adapter) -> list[type[ConnectionSettings]]:
    """What its worker opens: connections on which its meshes live, and those from which their traffic is read."""
    return [*adapter.connections, *([Prometheus] if adapter.traffic else [])]


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None], wanted: bool) -> AsyncIterator[None]:
    """Run the work beside the block, if it is enabled."""
    if not wanted:
        work.close()
        yield
        return
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await ending.end(task)


def _servers(chosen: HostSettings) -> kit.OwnServers:
    return kit.OwnServers(
        nats_url=chosen.nats_url,
        mongodb_url=chosen.mongodb_url,
        api_host=chosen.api_host,
        api_port=chosen.api_port,
    )


async def _publish_failure(name: str, chosen: HostSettings, reason: str) -> None:
    """Publish that an installed adapter cannot be loaded, if the bus answers."""
    token = name.replace(".", "-")
    subject = subjects.fill(
        subjects.EVENTS, workspace=subjects.SYSTEM_WORKSPACE, origin=token, entity="adapter", id=token
    )
    failed = adapters.AdapterFailed(name=token, instance=running.instance(), reason=reason)
    try:
        async with mwbus.join(chosen, f"adapter-{token}") as bus:
            await bus.publisher.publish(subject, failed, about=f"adapters/{token}")
    except mwbus.BusError as error:
        log.warning("could not publish that %s cannot be loaded: %s", name, error)
