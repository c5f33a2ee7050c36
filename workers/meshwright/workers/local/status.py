"""`status`: which processes of a stack run and which do not.

Invariant: "Everything is running." is printed only when every part runs and holds its ports, a supervisor restarts what
exits, the API is ready and every sidecar that should run has its configuration; every exception is listed.
"""

import asyncio
import datetime
from dataclasses import dataclass, field
from typing import Any

import httpx

from meshwright.core.machine import listeners, processes
from meshwright.workers.local import home, parts, running
from meshwright.workers.local.output import Output, short
from meshwright.workers.local.supervising import Note, notes

_WITHIN = 5.0  # seconds for each answer of the API
_RECENT = datetime.timedelta(hours=24)
_TOO_OFTEN = 3  # consecutive exits after which the end of the log is shown, although the part runs
_WIDEST = 200  # characters of one line of a log
_NAMED = 5  # sidecars; of more only the number is printed


@dataclass
class _Report:
    """One status report of one stack."""

    where: home.Home
    output: Output
    ports: home.Ports
    plan: home.Plan
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lives = running.LocalStack(self.where, self.output).running()
        pids = {record.pid for record in self.lives.values()}
        self.others = [one for one in processes.matching("environ", self.where.marker) if one.pid not in pids]

    def part(self, name: str, ports: list[int], note: Note | None) -> None:
        """One line about a part, and one about each of its problems."""
        record = self.lives.get(name)
        life = f"pid {record.pid}, since {record.started_at:%Y-%m-%d %H:%M:%S} UTC" if record else "DEAD"
        self.output.line(f"  {name:<14} {life}   log {short(self.where.log(name))}")
        if record is None:
            self.fault(f"{name} is not running{_next_try(note)}")
        for port in ports:
            if by := listeners.held_by(port, besides=[record] if record else []):
                self.fault(f"port {port} of {name} is held by {by}")
            elif record and not listeners.holds(record, port):
                self.fault(f"{name} does not listen on port {port}")
        if note and (record is None or datetime.datetime.now(datetime.UTC) - note.last < _RECENT):
            self._print_exits(note, explain=record is None or note.deaths >= _TOO_OFTEN)

    def _print_exits(self, note: Note, *, explain: bool) -> None:
        times = "once" if note.deaths == 1 else f"{note.deaths} times in a row"
        self.output.line(f"{'':<17}ended {times}, last at {note.last:%Y-%m-%d %H:%M:%S} UTC{':' if explain else ''}")
        for line in note.why.splitlines() if explain else ():
            self.output.line(f"{'':<19}{line[:_WIDEST]}")

    async def sidecars(self) -> None:
        """The number of running sidecars, compared with those that should run."""
        count = len(self.others)
        api = self.lives.get("api")
        if api is None or not listeners.holds(api, self.ports.api):
            self.output.line(
                f"  {'sidecars':<14} {count} running; how many should be is unknown while the API does not answer"
            )
            return
        headers = {"Authorization": f"Bearer {self.where.token_file.read_text().strip()}"}
        base = f"http://{home.HOST}:{self.ports.api}"
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=_WITHIN, trust_env=False) as client:
            try:
                await self._readiness(client)
                workloads, proxies = await asyncio.gather(_all(client, "/v1/workloads"), _all(client, "/v1/proxies"))
            except httpx.HTTPError as error:
                self.fault(f"cannot read from the API which sidecars should run: {error!r}")
                return
        wanted = {one["id"]: one["name"] for one in workloads if one.get("sidecar") == "managed"}
        known = {one["workload"]: one for one in proxies}
        good = {each for each in wanted if known.get(each, {}).get("state") == "synced"}
        self.output.line(f"  {'sidecars':<14} {count} running, {len(good)} of {len(wanted)} in sync")
        if count < len(wanted):
            self.fault(f"{len(wanted) - count} of {len(wanted)} sidecars are not running")
        bad = sorted(wanted.keys() - good)
        for each in bad[:_NAMED]:
            self._check_sidecar(wanted[each], known.get(each))
        if len(bad) > _NAMED:
            self.fault(f"{len(bad) - _NAMED} more sidecars are not in sync")

    def _check_sidecar(self, workload: str, proxy: dict[str, Any] | None) -> None:
        if proxy is None:
            self.fault(f"the sidecar of {workload} has never connected")
            return
        words = f"the sidecar of {workload} is {proxy['state']}"
        self.fault(f"{words}: {proxy['error']}" if proxy.get("error") else words)
        for kind in ("outbound_port", "inbound_port", "admin_port"):
            port = (proxy.get("details") or {}).get(kind)
            if isinstance(port, int) and (by := listeners.held_by(port, besides=self.others)):
                self.fault(f"port {port} of the sidecar of {workload} is held by {by}")

    async def _readiness(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/readyz")
        if answer.is_success:
            return
        readiness = answer.json()
        missing = [
            f"{name}: {part['detail']}" for name, part in readiness.items() if isinstance(part, dict) and not part["ok"]
        ]
        self.fault(f"the API is not ready ({'; '.join(missing)})")

    def fault(self, text: str) -> None:
        """Record a problem."""
        self.faults.append(text)


async def print_report(where: home.Home, output: Output) -> int:
    """Print the report; returns the exit code: 1 when something does not run."""
    ports, plan = where.ports(), where.plan()
    if ports is None or plan is None:
        output.line(f"Nothing is running here: there is no stack in {where.directory}.")
        return 1
    look = _Report(where, output, ports, plan)
    if not look.lives and not look.others:
        output.line(f"Nothing is running here; `make up` starts the stack in {where.directory}.")
        return 1
    lines = notes(where)
    for name, held in parts.expected(ports, plan).items():
        look.part(name, held, lines.get(name))
    look.part(parts.SUPERVISOR, [], None)
    await look.sidecars()
    for fault in look.faults:
        output.line(f"  ! {fault}")
    watched = parts.SUPERVISOR in look.lives
    remedy = "the supervisor restarts what exited" if watched else "`make up` starts what exited"
    output.line(f"Not everything is running as it should: {remedy}." if look.faults else "Everything is running.")
    return 1 if look.faults else 0


def _next_try(note: Note | None) -> str:
    seconds = (note.next_try - datetime.datetime.now(datetime.UTC)).total_seconds() if note else 0.0
    return f"; the next try is in {seconds:.0f} s" if seconds > 0 else ""


async def _all(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    token = ""
    while True:
        answer = await client.get(path, params={"page_size": 200, **({"page_token": token} if token else {})})
        page = answer.raise_for_status().json()
        items += page["items"]
        token = page.get("next_page_token") or ""
        if not token:
            return items
