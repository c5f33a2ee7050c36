"""The command line: `up`, `down`, `status`.

Problem: a person wants one word to have a living mesh and one to be rid of it. Invariant: `up` may be repeated at
any moment (it joins, heals, completes), Ctrl-C undoes what this `up` began, and `down` proves that nothing is left.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from meshwright.core import binaries, processes
from meshwright.workers.local import enrolling, home, parts, running
from meshwright.workers.local.talk import Talk
from meshwright.workers.shop import catalog

_PART_OF_PORT = {"nats": "nats-server", "mongodb": "mongod", "api": "api", "shop": "shop"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    options = _parser().parse_args(arguments)
    where, talk = home.find(os.environ), Talk()
    work = {"up": _up, "down": _down, "status": _status}[options.command]
    try:
        code = asyncio.run(work(where, talk, options))
    except (home.LocalError, binaries.BinaryMissingError) as error:
        sys.stderr.write(f"error: {error}\n")
        code = 1
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meshwright-local",
        description="Meshwright on this machine. Everything is kept in .meshwright, or in MESHWRIGHT_HOME.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything, join what runs, restart what died")
    up.add_argument("--foreground", action="store_true", help="stay, restart what dies, stop all on Ctrl-C")
    up.add_argument("--nats", metavar="URL", default="", help="use this NATS (with JetStream) instead of an own one")
    up.add_argument("--mongodb", metavar="URL", default="", help="use this MongoDB instead of an own one")
    down = commands.add_parser("down", help="stop everything; data stays")
    down.add_argument("--wipe", action="store_true", help="forget the data too")
    commands.add_parser("status", help="what runs; exit code 1 when something does not")
    return parser


async def _up(where: home.Home, talk: Talk, options: argparse.Namespace) -> int:
    stack = running.Stack(where, talk)
    before = set(stack.running())
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    existing = parts.Servers(nats=options.nats, mongodb=options.mongodb)
    try:
        async with where.locked():
            everything = await _start(where, stack, existing)
        if options.foreground:
            processes.write(where.record(running.LAUNCHER), processes.here(running.LAUNCHER))
            talk.line("\nIn the foreground: Ctrl-C stops everything.")
            await stack.keep(everything)
        return 0
    except asyncio.CancelledError:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: None)  # once is enough
        talk.head("\nInterrupted.")
        if before and not options.foreground:
            talk.line("What ran before goes on; `make down` stops it.")
        else:
            await _stop(where, talk)
        return 130


async def _start(where: home.Home, stack: running.Stack, existing: parts.Servers) -> list[parts.Part]:
    where.prepare()
    talk, lives = stack.talk, stack.running()
    talk.head(f"Meshwright on this machine, kept in {where.directory}")
    for name, url in (("nats-server", existing.nats), ("mongod", existing.mongodb)):
        if url:
            talk.part(name, f"using {urlsplit(url).hostname}:{urlsplit(url).port or 'default port'}")
    names = [keeper.name for keeper in catalog.KEEPERS]
    ports = where.choose_ports(names, [name for name, part in _PART_OF_PORT.items() if part in lives])
    _tell_shop(where, ports)
    headers = {"Authorization": f"Bearer {where.token_file.read_text().strip()}"}
    base = f"http://{parts.HOST}:{ports.api}"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=10, trust_env=False) as client:
        own = parts.own(where, ports, existing, lambda: _good(client, "/readyz"))
        first = [*parts.servers(where, ports, existing), parts.shop(where, ports)]
        await stack.start_all(first)
        await stack.start_all(own)
        demo = enrolling.Enrolling(client, talk, lambda: stack.check([*first, *own]))
        await demo.mesh()
        await demo.workloads(ports.shop)
        _tell_shop(where, ports, await demo.sidecars())
        await demo.visit(f"http://{parts.HOST}:{ports.shop['front']}/")
    _farewell(where, talk, ports)
    return [*first, *own]


async def _good(client: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await client.get(path)).is_success
    except httpx.HTTPError:
        return False


def _tell_shop(where: home.Home, ports: home.Ports, outbound: dict[str, int] | None = None) -> None:
    """Write the shop's layout; without `outbound` the sidecars known from before stay."""
    try:
        known = msgspec.json.decode(where.layout.read_bytes(), type=catalog.Layout)
    except (FileNotFoundError, msgspec.DecodeError):
        known = catalog.Layout(places={})
    sidecars = {name: place.outbound for name, place in known.places.items()} | (outbound or {})
    places = {name: catalog.Place(port=port, outbound=sidecars.get(name)) for name, port in ports.shop.items()}
    layout = msgspec.structs.replace(known, places=places)
    if layout != known:
        processes.replace(where.layout, msgspec.json.encode(layout))


def _farewell(where: home.Home, talk: Talk, ports: home.Ports) -> None:
    api, front = (f"http://{parts.HOST}:{port}" for port in (ports.api, ports.shop["front"]))
    token = _short(where.token_file)
    cli = _short(Path(parts.console("meshwright")))
    talk.head(f"\nReady in {talk.seconds:.1f} s: mesh `demo`, {len(ports.shop)} workloads behind sidecars.")
    talk.line(f"  API        {api}/v1   (documentation {api}/docs, messages {api}/asyncapi.json)")
    talk.line(f"  Shop       {front}/   (its answer names who answered)")
    talk.line(f"  Token      {token}   (admin; readable by you alone)")
    talk.line("\nTry:")
    if where.directory != Path.cwd() / home.FOLDER:  # elsewhere the CLI cannot find the stack by itself
        talk.line(f"  export MESHWRIGHT_API_URL={api} MESHWRIGHT_TOKEN=$(cat {token})")
    talk.line(f"  {cli} topology")
    talk.line(f"  {cli} workloads list")
    talk.line(f'  curl -H "Authorization: Bearer $(cat {token})" {api}/v1/meshes')
    talk.line("\n`make down` stops everything.")


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


async def _down(where: home.Home, talk: Talk, options: argparse.Namespace) -> int:
    if not where.directory.exists():
        talk.line(f"Nothing runs here: there is no {where.directory}.")
        return 0
    await _stop(where, talk)
    if options.wipe:
        where.wipe()
        talk.line(f"Forgotten: {where.directory}")
    else:
        talk.line(f"Data stays in {where.directory}; `make down WIPE=1` forgets it.")
    return 0


async def _stop(where: home.Home, talk: Talk) -> None:
    stack = running.Stack(where, talk)
    await stack.dismiss_launcher()
    async with where.locked():
        count = await stack.stop()
    talk.line(f"{count} processes stopped, nothing is left running." if count else "Nothing was running.")


async def _status(where: home.Home, talk: Talk, options: argparse.Namespace) -> int:
    del options
    stack = running.Stack(where, talk)
    lives, known = stack.running(), where.ports()
    if known is None:
        talk.line(f"Nothing runs here: there is no stack in {where.directory}.")
        return 1
    recorded = sorted(path.stem for path in (where.directory / "run").glob("*.json"))
    for name in recorded:
        record = lives.get(name)
        since = f"pid {record.pid}, since {record.started_at:%Y-%m-%d %H:%M:%S} UTC" if record else "DEAD"
        talk.line(f"  {name:<14} {since}   log {_short(where.log(name))}")
    pids = {record.pid for record in lives.values()}
    others = [one for one in processes.found("environ", where.marker) if one.pid not in pids]
    talk.line(f"  {'sidecars':<14} {len(others)} running")
    whole = bool(recorded) and len(lives) == len(recorded)
    talk.line("All of it runs." if whole else "Not everything runs: `make up` starts what is missing.")
    return 0 if whole else 1
