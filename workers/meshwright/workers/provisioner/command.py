"""The command line: `users`, `provision`, `adapter`.

Problem: a NATS server outside of the local stack, and a third-party adapter, need users too. Invariant: secrets go into
files of mode 0600 and are never printed; every command may be repeated.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop

from meshwright.core import bus as mwbus
from meshwright.core import settings
from meshwright.core.bus.stream import provisioning
from meshwright.core.security import credentials, nats_accounts, nats_users
from meshwright.core.telemetry import logging as mwlogging
from meshwright.schemas import subjects
from meshwright.workers.local import home, streams


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 success, 1 failure, 2 usage error."""
    options = _parser().parse_args(arguments)
    work = {"users": _users, "provision": _provision, "adapter": _adapter}[options.command]
    try:
        chosen = settings.load(settings.Settings)
        mwlogging.configure(chosen.log_level, chosen.log_format)
        work(options, chosen)
    except (
        settings.InvalidSettings, credentials.InvalidCredentials, mwbus.BusUnavailable, home.LocalError, OSError
    ) as error:  # fmt: skip
        sys.exit(f"meshwright-nats: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="meshwright-nats", description="Set up the NATS users, streams and buckets.")
    commands = parser.add_subparsers(dest="command", required=True)
    users = commands.add_parser("users", help="write a credentials file for each component, and the accounts")
    provision = commands.add_parser("provision", help="set up the streams and buckets (MESHWRIGHT_NATS_URL)")
    adapter = commands.add_parser("adapter", help="give an adapter a user on the local stack")
    adapter.add_argument("name", help="the adapter's name")
    users.add_argument(
        "--adapter",
        action="append",
        default=[*streams.OWN_ADAPTERS],
        metavar="NAME",
        help="also create a user for this adapter",
    )
    for command in (users, provision):
        command.add_argument(
            "--folder",
            type=Path,
            default=home.find(os.environ).nats_users,
            help="the folder of the users (%(default)s)",
        )
    return parser


def _users(options: argparse.Namespace, _: settings.Settings) -> None:
    changed = nats_users.write(options.folder, _names(options.adapter))
    path = options.folder.absolute() / nats_users.CONFIGURATION
    sys.stdout.write(
        f"{'Written' if changed else 'Unchanged'}: {path}\n"
        "Add its accounts to the configuration of nats-server, beside `jetstream {…}`:\n"
        f"  include ./{nats_users.CONFIGURATION}   (a copy beside that file; then restart the server)\n"
        "Each process gets its own file, and only that:\n"
    )
    for component in sorted(credentials.public_keys(options.folder)):
        if component not in (nats_accounts.PROVISIONER, nats_accounts.SYSTEM, subjects.OBSERVER):
            sys.stdout.write(f"  MESHWRIGHT_NATS_CREDENTIALS_FILE={options.folder.absolute() / component}.nk\n")
    sys.stdout.write("Then `meshwright-nats provision` sets up the streams.\n")


def _provision(options: argparse.Namespace, chosen: settings.Settings) -> None:
    own = nats_users.file(options.folder, nats_accounts.PROVISIONER)
    chosen = msgspec.structs.replace(chosen, nats_credentials_file=chosen.nats_credentials_file or own)
    uvloop.run(_set_up(chosen, nats_users.adapters(options.folder)))
    sys.stdout.write("The streams and buckets are set up.\n")


async def _set_up(chosen: settings.Settings, adapters: Sequence[str]) -> None:
    async with mwbus.join(chosen, nats_accounts.PROVISIONER, timeout=30.0) as bus:
        await provisioning.provision(bus, adapters)


def _adapter(options: argparse.Namespace, _: settings.Settings) -> None:
    where = home.find(os.environ)
    ports, plan = where.ports(), where.plan()
    if ports is None or plan is None:
        raise home.LocalError(f"there is no stack in {where.directory}: run `make up` first")
    [name] = _names([options.name])
    url = plan.nats or f"nats://{home.HOST}:{ports.nats}"
    asyncio.run(_add(where, plan, url, name))
    file = nats_users.file(where.nats_users, subjects.ADAPTER.format(adapter=name))
    sys.stdout.write(
        f"The adapter {name} has a user. Start its worker with\n"
        f"  MESHWRIGHT_NATS_URL={url} MESHWRIGHT_NATS_CREDENTIALS_FILE={file}"
        f" MESHWRIGHT_DATA_DIR={where.data} meshwright-adapter {name}\n"
    )


async def _add(where: home.Home, plan: home.Plan, url: str, adapter: str) -> None:
    """Create a user for the adapter; the stack's supervisor restarts nats-server."""
    await streams.ensure_users(where, adapter)
    await streams.provision(where, plan, url)


def _names(adapters: Sequence[str]) -> list[str]:
    for name in adapters:
        if not subjects.can_be_filled(name):
            raise home.LocalError(f"{name!r} cannot name an adapter: letters, digits, - and _ only")
    return list(adapters)
