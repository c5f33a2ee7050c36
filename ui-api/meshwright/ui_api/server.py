"""The API process: creates every part once, serves, and shuts down gracefully.

Invariant: SIGTERM ends the process within two seconds: event streams are ended first, requests in progress get a
second, then the bus is flushed and closed.
"""

import asyncio
import functools
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import uvicorn
import uvloop
from msgspec import Meta

from meshwright.core import bus as mwbus
from meshwright.core import ending, settings, store
from meshwright.core.security import connection_rules, kubeconfig, mongodb_users, sealing, ssrf
from meshwright.core.telemetry import exporting
from meshwright.core.telemetry import logging as logs
from meshwright.schemas.base import whole
from meshwright.ui_api.access import authentication
from meshwright.ui_api.access.authentication import AccessControl
from meshwright.ui_api.access.callers import Callers
from meshwright.ui_api.access.sessions import Sessions, open_sessions
from meshwright.ui_api.api import Api
from meshwright.ui_api.http import app, base_path
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.http.refusals import Refusals
from meshwright.ui_api.http.server import connections, protocol
from meshwright.ui_api.live import event_stream
from meshwright.ui_api.live.quota import StreamQuota
from meshwright.ui_api.live.streaming import Hub
from meshwright.ui_api.reading.database_guard import DatabaseGuard
from meshwright.ui_api.reading.freshness import Freshness
from meshwright.ui_api.reading.paging import Tokens
from meshwright.ui_api.requests.directory import Directory
from meshwright.ui_api.requests.live_adapters import LiveAdapters
from meshwright.ui_api.web.dashboard import BUILT, Dashboard

log = logging.getLogger(__name__)
_GRACE_S = 1
"""seconds that requests in progress get at shutdown"""
_START_S = 30.0
"""seconds to wait for NATS at the start"""


_CANNOT_START = (settings.InvalidSettings, sealing.InvalidKeyFile, ssrf.InvalidPolicy, kubeconfig.InvalidAllowance)


class ApiSettings(settings.Settings, frozen=True, kw_only=True):
    """The API's own settings."""

    api_host: str = "127.0.0.1"
    api_port: int = 8410
    api_connections: settings.AtLeastOne | None = None
    """maximum number of open connections; unset: as many as the limit of files allows, at most 8192"""
    api_head_seconds: settings.Seconds = 10.0
    """time-out in seconds for a request's headers, from its first byte"""
    api_idle_seconds: settings.AtLeastOne = 75
    """seconds for which a connection may be idle"""
    event_streams: settings.AtLeastOne = 5000
    """maximum number of open event streams; at most three quarters of the connections, whatever is set here"""
    event_streams_per_workspace: settings.AtLeastOne = 100
    event_streams_per_token: settings.AtLeastOne = 50
    session_hours: settings.Seconds = 12.0
    """how long a browser session lasts at most; it also ends with its token"""
    session_only_https: bool = False
    """cookies of sessions are sent by https only; unset: as each request came (X-Forwarded-Proto)"""
    api_base_path: Annotated[str, Meta(pattern=whole(base_path.PATTERN))] = ""
    """path below which a proxy serves the API and the dashboard, such as /meshwright"""
    api_forwarded_prefix: bool = False
    """take that path from X-Forwarded-Prefix; only behind a proxy that sets it or removes it"""
    api_dashboard_dir: Path = BUILT
    """folder of the built dashboard; unset: the one of the installation"""
    admin_token_file: Path | None = None
    """the file with the admin token; created when it does not exist"""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: `main` handles signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> int:
    """The command `meshwright-api`: 0 after a graceful shutdown, 1 when it could not start."""
    try:
        wanted = settings.load(ApiSettings)
        logs.configure(wanted.log_level, wanted.log_format)
        meters = Meters()
        with exporting.exporting("meshwright-api", app.VERSION, meters.registry):
            uvloop.run(_run(wanted, meters))
    except ExceptionGroup as group:
        reason = ending.first_error(group)
        if not isinstance(reason, store.NotAdmissible):
            raise
        sys.stderr.write(f"meshwright-api: {reason}\n")
        return 1
    except (*_CANNOT_START, mwbus.BusError, store.StoreError, mongodb_users.InvalidCredentials, OSError) as error:
        sys.stderr.write(f"meshwright-api: {error}\n")
        return 1
    return 0


async def _run(wanted: ApiSettings, meters: Meters) -> None:
    admin = authentication.admin_digest(wanted.admin_token_file)
    if not admin:
        log.warning("no MESHWRIGHT_ADMIN_TOKEN_FILE: only existing API tokens are accepted")
    sealer = sealing.from_file(wanted.secret_key_file) if wanted.secret_key_file else None
    if sealer is None:
        log.warning("no MESHWRIGHT_SECRET_KEY_FILE: webhooks and credentials of connections are refused")
    reachable = ssrf.policy(wanted.webhook_allow)
    rules = connection_rules.rules(wanted.connection_allow, wanted.kubeconfig_allow)
    most = connections.places(wanted.api_connections)
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(mwbus.join(wanted, "api", timeout=_START_S))
        database = await stack.enter_async_context(store.join(wanted))
        guard = DatabaseGuard(bus, database, wanted)
        directory = Directory()
        access_control = AccessControl(directory, admin)
        active = Sessions(await open_sessions(bus), wanted.session_hours * 3600, only_https=wanted.session_only_https)
        views = store.Views(database, directory.made_at)
        api = Api(
            bus=bus,
            storing=mwbus.Storing(bus),
            views=views,
            freshness=Freshness(bus, views),
            directory=directory,
            live_adapters=LiveAdapters(),
            access_control=access_control,
            sessions=active,
            callers=Callers(access_control, active),
            hub=Hub(bus),
            streams=StreamQuota(
                per_token=wanted.event_streams_per_token,
                per_workspace=wanted.event_streams_per_workspace,
                all=min(wanted.event_streams, most * 3 // 4),
            ),
            pages=Tokens(admin.encode()),
            meters=meters,
            refusals=Refusals(meters),
            sealer=sealer,
            reachable=reachable,
            connection_rules=rules,
        )
        await guard.first()
        await _serve(api, bus, wanted, connections.Connections(meters.registry, most), guard)
    log.info("ended")


async def _serve(
    api: Api,
    bus: mwbus.Connection,
    wanted: ApiSettings,
    open_connections: connections.Connections,
    guard: DatabaseGuard,
) -> None:
    log.info("room for %d connections", open_connections.most)
    dashboard = Dashboard(wanted.api_dashboard_dir)
    await dashboard.load()
    speaks = functools.partial(protocol.Limited, open_connections, api.meters, api.refusals, wanted.api_head_seconds)
    config = uvicorn.Config(
        app.create_app(
            api,
            dashboard,
            wanted.api_base_path,
            forwarded_prefix=wanted.api_forwarded_prefix,
        ),
        host=wanted.api_host,
        port=wanted.api_port,
        loop="none",
        http=speaks,  # type: ignore[arg-type] # uvicorn calls it with names, and nothing else
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=wanted.api_idle_seconds,
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True
        api.hub.close()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(api.directory.follow_state(bus)),
            group.create_task(api.directory.follow_meshes(bus)),
            group.create_task(api.live_adapters.follow(bus)),
            group.create_task(api.sessions.follow()),
            group.create_task(api.hub.run()),
            group.create_task(api.freshness.follow()),
            group.create_task(open_connections.sweep()),
            group.create_task(guard.watch()),
            group.create_task(event_stream.keep_alive(api.hub, api.callers)),
        ]
        async with asyncio.timeout(_START_S):
            await api.directory.loaded.wait()
            await api.live_adapters.loaded.wait()
            await api.sessions.loaded.wait()
        await server.serve()
        await ending.end(*beside)


if __name__ == "__main__":
    sys.exit(main())
