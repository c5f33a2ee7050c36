"""`up`: starts everything and waits until the demo mesh carries traffic.

Problem: after "Ready" the user starts to work, and a part that was started and failed would block the next `up`.
Invariant: "Ready" is printed once a command is accepted, the views are up to date and a request has passed the
sidecars; the admin token is sent only to the API that was started here; an `up` that fails or is interrupted stops what
it started, and keeps what was running before.
"""

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from meshwright.core.machine import listeners, processes
from meshwright.workers.local import enrolling, full_disk, home, parts, running, streams
from meshwright.workers.local.output import Output, short
from meshwright.workers.local.supervising import Supervisor
from meshwright.workers.shop import catalog

NATS, MONGODB = "MESHWRIGHT_LOCAL_NATS", "MESHWRIGHT_LOCAL_MONGODB"
"""environment variables for the URLs of existing servers, which may hold passwords: a command line is visible to all
users"""
_TRIES = 3  # with other ports, when another process takes one after it was chosen
_PART_OF_PORT = {"nats": "nats-server", "mongodb": "mongod", "api": "api", "shop": "shop"}
_ROOM = "MESHWRIGHT_STREAMS_GIB"
_NOT_FOR_PARTS = (
    "MESHWRIGHT_API_URL", "MESHWRIGHT_CONFIG", "MESHWRIGHT_CONTEXT", "MESHWRIGHT_HOME", "MESHWRIGHT_LOCAL_",
    "MESHWRIGHT_PARTS", "MESHWRIGHT_TEST_", "MESHWRIGHT_TOKEN", "MESHWRIGHT_WORKSPACE", processes.MARKER, running.PART,
)  # fmt: skip
"""variables of the command line and the tests; no process of the stack needs them, and one of them is a secret"""
_FOREGROUND = "foreground"


def plan_of(environ: Mapping[str, str], *, nats: str = "", mongodb: str = "") -> home.Plan:
    """The plan from options and environment."""
    settings = {
        name: value
        for name, value in environ.items()
        if value and name.startswith(running.OF_THE_STACK) and not name.startswith(_NOT_FOR_PARTS)
    }
    return home.Plan(nats=nats or environ.get(NATS, ""), mongodb=mongodb or environ.get(MONGODB, ""), settings=settings)


async def up(where: home.Home, output: Output, plan: home.Plan, *, foreground: bool) -> int:
    """Start everything; returns the exit code. Raises LocalError, BinaryMissingError."""
    starting = _Starting(where, output, plan, foreground)
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        async with where.locked():
            supervisor = await starting.start_or_undo()
        if foreground:
            output.line("\nIn the foreground: Ctrl-C stops everything.")
            await supervisor.keep()
        return 0
    except asyncio.CancelledError:
        _ignore_signals()
        if foreground and starting.done:
            output.head("\nInterrupted.")
            await stop(where, output)
        return 130


async def stop(where: home.Home, output: Output) -> None:
    """Stop everything of a stack. Raises LocalError when something does not end."""
    stack = running.LocalStack(where, output)
    await stack.dismiss_supervisor()
    async with where.locked():
        count = await stack.stop()
    output.line(f"{count} processes stopped, nothing is left running." if count else "Nothing was running.")


def _ignore_signals() -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: None)  # the first signal is enough


@dataclass
class _Starting:
    """One running `up`; the caller holds the home's lock."""

    where: home.Home
    output: Output
    plan: home.Plan
    foreground: bool
    done: bool = False

    def __post_init__(self) -> None:
        self.stack = running.LocalStack(self.where, self.output)

    async def start_or_undo(self) -> Supervisor:
        """Start everything and a supervisor; on failure stop what was started and raise the reason."""
        supervisor = self.stack.running().get(parts.SUPERVISOR)
        self._refuse_other_foreground(supervisor)
        ran = self.stack.running().keys() - {parts.SUPERVISOR}
        try:
            everything, chosen = await self._start()
            await self._hand_over(supervisor, everything)
        except BaseException as error:
            _ignore_signals()
            interrupted = isinstance(error, asyncio.CancelledError)
            if interrupted:
                self.output.head("\nInterrupted.")
            if ran and not (interrupted and self.foreground):
                self.output.line(
                    "What was running before keeps running; see `meshwright-local status`. `make down` stops it."
                )
            else:
                await self.stack.dismiss_supervisor()
                count = await self.stack.stop()
                self.output.line(
                    f"What was started has been stopped again: {count} processes stopped, nothing is left running."
                )
            raise
        link = await self._sign_in_link(chosen)
        self.done = True
        _print_ready(self.where, self.output, chosen, link)
        return Supervisor(self.stack, everything)

    def _refuse_other_foreground(self, supervisor: processes.Record | None) -> None:
        if supervisor is None or supervisor.digest != _FOREGROUND:
            return
        there = f"this stack runs in the foreground of another terminal (pid {supervisor.pid})"
        changed = self.plan.differs_from(self.where.plan() or home.Plan())
        if self.foreground or changed:
            why = f" with other settings ({', '.join(changed)})" if changed else ""
            raise home.LocalError(f"{there}{why}: press Ctrl-C there, or `make down`, and start it again")

    async def _start(self) -> tuple[list[parts.Part], home.Ports]:
        self.where.prepare()
        self.output.head(f"Meshwright on this machine, kept in {self.where.directory}")
        if not full_disk.has_room(self.where.directory):
            raise home.LocalError(
                f"the disk of {self.where.directory} is full: nothing could be stored. Free at least "
                f"{full_disk.ROOM // 2**20} MiB and start it again; what was acknowledged is kept."
            )
        everything, chosen = await self._start_parts()
        await self._stop_replaced_servers(everything)
        await self._demo([each for each in everything if each.name not in parts.LATER], chosen)
        await self.stack.start_all([each for each in everything if each.name in parts.LATER])
        return everything, chosen

    async def _start_parts(self) -> tuple[list[parts.Part], home.Ports]:
        chosen = self._choose_ports()
        self._take_over_settings(chosen)
        for tries_left in reversed(range(_TRIES)):
            _write_layout(self.where, chosen)
            first = [*parts.servers(self.where, chosen, self.plan), parts.shop(self.where, chosen)]
            if not self.plan.nats:
                await streams.ensure_users(self.where)
            own = parts.own(self.where, chosen, self.plan)
            try:
                await self.stack.start_all(first)
                if self.plan.nats:
                    await streams.provision(self.where, self.plan, self.plan.nats)
                await self.stack.start_all([each for each in own if each.name not in parts.LATER])
                break
            except running.PortTaken as taken:
                if not tries_left:
                    raise
                self.output.part(taken.part.name, f"{taken} Choosing another port.")
            chosen = self._choose_ports()
        return [*first, *own], chosen

    def _choose_ports(self) -> home.Ports:
        lives = self.stack.running()
        names = [keeper.name for keeper in catalog.KEEPERS]
        return self.where.choose_ports(names, [name for name, part in _PART_OF_PORT.items() if part in lives])

    def _take_over_settings(self, chosen: home.Ports) -> None:
        """Report changed settings, and settings that cannot be chosen here."""
        if not self.plan.nats and (size := self.plan.settings.get(_ROOM)):
            self.where.choose_streams_gib(size)
        here = parts.chosen_here(self.where, chosen, self.plan)
        for name in sorted(self.plan.settings.keys() & here.keys()):
            if self.plan.settings[name] != here[name]:
                self.output.line(f"  {name} is not passed on: `make up` sets it ({here[name] or 'none'}).")
        settings = {name: value for name, value in self.plan.settings.items() if name not in here or name == _ROOM}
        self.plan = msgspec.structs.replace(self.plan, settings=settings)
        before = self.where.plan()
        if before is not None and (changed := self.plan.differs_from(before)) and self.stack.running():
            self.output.line(f"  Settings changed: {', '.join(changed)}; what depends on them is restarted.")
        processes.replace(self.where.plan_file, msgspec.json.encode(self.plan))
        for name, url in (("nats-server", self.plan.nats), ("mongod", self.plan.mongodb)):
            if url:
                address = urlsplit(url)
                self.output.part(name, f"using {address.hostname}:{address.port or 'default port'}")

    async def _stop_replaced_servers(self, everything: list[parts.Part]) -> None:
        """Stop the own servers of an earlier `up` when this one uses existing ones."""
        wanted = {part.name for part in everything} | {parts.SUPERVISOR}
        for name, record in self.stack.running().items():
            if name not in wanted:
                await processes.stop(record, grace=20.0)
                self.where.record(name).unlink(missing_ok=True)
                self.output.part(name, "stopped: another server is used instead; its data is kept")

    async def _demo(self, everything: list[parts.Part], chosen: home.Ports) -> None:
        async with self._api(chosen) as client:
            demo = enrolling.Enrolling(client, self.output, lambda: self.stack.check(everything))
            self.stack.check(everything)
            await demo.worker(self.stack.running()["adapter-envoy"].pid)
            await demo.mesh()
            await demo.workloads(chosen.shop)
            _write_layout(self.where, chosen, await demo.sidecars())
            await demo.first_response(f"http://{home.HOST}:{chosen.shop['front']}/")
            await demo.settled(chosen.shop)

    async def _sign_in_link(self, chosen: home.Ports) -> str:
        """A link to the dashboard that signs in once; without a code when the API gives none now."""
        link = f"http://{home.HOST}:{chosen.api}/sign-in"
        with contextlib.suppress(httpx.HTTPError, KeyError, ValueError):
            async with self._api(chosen) as client:
                return f"{link}#code={(await client.post('/v1/session-codes')).json()['code']}"
        return link

    def _api(self, chosen: home.Ports) -> httpx.AsyncClient:
        """A client of the API that was started here, with the admin token."""
        headers = {"Authorization": f"Bearer {self.where.token_file.read_text().strip()}"}
        base = f"http://{home.HOST}:{chosen.api}"
        return httpx.AsyncClient(base_url=base, headers=headers, timeout=10, transport=ToOurApi(self.where, chosen.api))

    async def _hand_over(self, supervisor: processes.Record | None, everything: list[parts.Part]) -> None:
        """Leave one supervisor running, which restarts parts exactly as they were started now."""
        if self.foreground:
            await self.stack.dismiss_supervisor()
            record = processes.here(parts.SUPERVISOR, _FOREGROUND)
            processes.write(self.where.record(parts.SUPERVISOR), record)
            return
        if supervisor is not None and supervisor.digest == _FOREGROUND:
            return
        part = parts.supervisor(self.where, self.plan, everything)
        if await self.stack.begin(part):
            self.output.part(part.name, "supervising: what exits is restarted")


class ToOurApi(httpx.AsyncHTTPTransport):
    """Refuses requests to the API's port unless the API that was started here holds it: each request has the token."""

    def __init__(self, where: home.Home, port: int) -> None:
        super().__init__()
        self._record = where.record("api")
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises ConnectError when another process holds the port."""
        if request.url.port == self._port:
            record = processes.read(self._record)
            if record is None or not listeners.holds(record, self._port):
                raise httpx.ConnectError(f"port {self._port} is not held by the API", request=request)
        return await super().handle_async_request(request)


def _write_layout(where: home.Home, ports: home.Ports, outbound: dict[str, int] | None = None) -> None:
    """Write the shop's layout; without `outbound` the sidecars in the present layout are kept."""
    try:
        known = msgspec.json.decode(where.layout.read_bytes(), type=catalog.Layout)
    except (FileNotFoundError, msgspec.DecodeError):
        known = catalog.Layout(places={})
    sidecars = {name: place.outbound for name, place in known.places.items()} | (outbound or {})
    places = {name: catalog.Place(port=port, outbound=sidecars.get(name)) for name, port in ports.shop.items()}
    layout = msgspec.structs.replace(known, places=places)
    if layout != known:
        processes.replace(where.layout, msgspec.json.encode(layout))


def _print_ready(where: home.Home, output: Output, ports: home.Ports, link: str) -> None:
    api, front = (f"http://{home.HOST}:{port}" for port in (ports.api, ports.shop["front"]))
    token = short(where.token_file)
    cli = short(Path(parts.console("meshwright")))
    output.head(f"\nReady in {output.seconds:.1f} s: mesh `demo`, {len(ports.shop)} workloads behind sidecars.")
    output.line(f"  Dashboard  {link}   (signs in once, within ten minutes; then `{cli} dashboard`)")
    output.line(f"  API        {api}/v1   (documentation {api}/docs, messages {api}/asyncapi.json)")
    output.line(f"  Shop       {front}/   (its answer names the workload that answered)")
    output.line(f"  Token      {token}   (admin; readable only by you)")
    output.line("\nTry:")
    if where.directory != Path.cwd() / home.FOLDER:  # elsewhere the CLI cannot find the stack by itself
        output.line(f"  export MESHWRIGHT_API_URL={api} MESHWRIGHT_TOKEN=$(cat {token})")
    output.line(f"  {cli} topology")
    output.line(f"  {cli} workloads list")
    output.line(f'  curl -H "Authorization: Bearer $(cat {token})" {api}/v1/meshes')
    output.line("\n`make down` stops everything.")
