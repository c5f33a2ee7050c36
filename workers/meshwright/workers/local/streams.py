"""Preparing the stack's NATS: its users, the streams of earlier versions, and all streams and buckets.

Invariant: whatever an earlier version has stored is kept; repeating it changes nothing.
"""

from pathlib import Path

import msgspec

from meshwright.core import settings
from meshwright.core.machine import processes
from meshwright.core.security import credentials, nats_accounts, nats_users
from meshwright.workers.local.home import Home, LocalError, Plan

SERVER = "nats-server"
OWN_ADAPTERS = ("envoy", "istio", "linkerd", "consul", "kuma")
"""the adapters whose workers a stack runs"""
_GRACE_S = 20.0
_EVERYBODYS = "$G"
"""nats-server's account for clients without credentials"""


async def ensure_users(home: Home, *adapters: str) -> None:
    """Create the users of the own nats-server; one that runs with others is stopped. Raises LocalError."""
    try:
        changed = nats_users.write(home.nats_users, {*OWN_ADAPTERS, *adapters})
    except (OSError, credentials.InvalidCredentials) as error:
        raise LocalError(f"the users of NATS cannot be set up: {error}") from error
    record = processes.read(home.record(SERVER))
    if changed and record is not None:
        # After a reload of its configuration it has new accounts, but not their imports from others.
        await processes.stop(record, grace=_GRACE_S)


async def move_to_own_account(store: Path) -> None:
    """Move streams from before there were accounts to their account, by renaming their folder while the server is
    stopped.
    """
    before = store / "jetstream" / _EVERYBODYS
    now = store / "jetstream" / nats_accounts.STREAMS_ACCOUNT
    if before.exists() and not now.exists():
        before.rename(now)


async def provision(home: Home, plan: Plan, url: str, gib: float | None = None) -> None:
    """Create the streams and buckets on this server.

    Raises LocalError when it cannot hold them, or admits anonymous clients.
    """
    # The bus takes a third of a second to import, while servers start.
    from meshwright.core import bus as mwbus
    from meshwright.core.bus.stream import provisioning

    try:
        chosen = msgspec.structs.replace(
            settings.load(settings.Settings, dict(plan.settings)),
            nats_url=url,
            nats_credentials_file=nats_users.file(home.nats_users, nats_accounts.PROVISIONER),
            streams_gib=gib,
        )
        adapters = {*OWN_ADAPTERS, *nats_users.adapters(home.nats_users)}
        async with mwbus.join(chosen, nats_accounts.PROVISIONER, timeout=30.0) as bus:
            await provisioning.provision(bus, sorted(adapters))
    except (mwbus.BusUnavailable, settings.InvalidSettings) as error:
        raise LocalError(str(error)) from error
