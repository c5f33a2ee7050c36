"""`meshwright check`: grouped ✓ / ‼ / ✗ lines, each failure with a remedy.

Invariant: one failed check does not hide the others; only what was really checked is reported as good.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from meshwright.schemas import ids
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed

if TYPE_CHECKING:
    from rich.text import Text

GOOD, WARN, BAD = "ok", "warning", "failed"
_MARKS = {GOOD: ("✓", "green"), WARN: ("‼", "yellow"), BAD: ("✗", "red")}
_OK, _FORBIDDEN = 200, 403
_BEHIND, _OLD = 1000, 10.0
"""the number of events and the seconds by which views may lag without a warning"""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report."""

    group: str
    what: str
    status: str
    detail: str = ""
    remedy: str = ""

    def plain(self) -> dict[str, Any]:
        """The check as data."""
        return msgspec.structs.asdict(self)


def checks(session: Session) -> list[Check]:
    """Run all checks; a group that cannot be checked is one failed check."""
    results: list[Check] = []
    groups: dict[str, Callable[[Session], list[Check]]] = {
        "api": _api,
        "adapters": _adapters,
        "meshes": _meshes,
        "proxies": _proxies,
        "operations": _dead_letters,
        "views": _views,
    }
    for name, look in groups.items():
        try:
            results += look(session)
        except CommandFailed as failure:
            detail = "; ".join((failure.what, *failure.notes))
            results.append(_check(name, f"answers about {name}", BAD, detail, failure.remedy))
            if name == "api":
                return results
    return results


def report(results: list[Check]) -> "Text":
    """The checks by group."""
    from rich.text import Text

    text = Text()
    group = ""
    for one in results:
        if one.group != group:
            text.append(f"{chr(10) if group else ''}{one.group}\n", "bold")
            group = one.group
        mark, style = _MARKS[one.status]
        text.append(f"{mark} ", style).append(one.what)
        text.append(f": {one.detail}\n" if one.detail else "\n")
        if one.remedy and one.status != GOOD:
            text.append(f"    → {one.remedy}\n")
    bad = sum(one.status == BAD for one in results)
    warned = sum(one.status == WARN for one in results)
    verdict = (
        f"{bad} failed"
        if bad
        else "all is well"
        if not warned
        else f"it works, with {warned} warning{'s' * (warned > 1)}"
    )
    return text.append(f"\n{verdict}", "red" if bad else "green")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _check(group: str, what: str, status: str, detail: str = "", remedy: str = "") -> Check:
    return Check(group=group, what=what, status=status, detail=detail, remedy=remedy)


def _api(session: Session) -> list[Check]:
    ready = session.api.request("GET", paths.READY, accept_errors=True)
    results = [_check("api", f"answers at {session.target.api_url}", GOOD)]
    seen = ready.data if isinstance(ready.data, dict) else {}
    for name, what, remedy in (
        ("bus", "bus answers", "Is nats-server running? For a local stack see `meshwright-local status`."),
        ("storing", "bus stores what is written", "Free space on its disk; then nats-server has to be restarted."),
        ("store", "store answers", "Is mongod running? Writes work without it, reads do not."),
        ("directory", "directory answers", "It is filled once the bus answers; wait a moment."),
    ):
        part = seen.get(name) or {}
        good = bool(part.get("ok"))
        detail = f"{part.get('milliseconds', 0):g} ms" if good and name != "directory" else part.get("detail", "")
        results.append(_check("api", what, GOOD if good else BAD, detail, remedy))
    results.append(_freshness(seen))
    full = seen.get("full") or []
    remedy = "Give them more (MESHWRIGHT_STREAMS_GIB): operations wait and writes are refused until then."
    results.append(_check("api", "streams have room", WARN if full else GOOD, ", ".join(full), remedy))
    who = session.api.get(paths.WHO)
    results.append(_check("api", "the token is valid", GOOD, f"{who['name']}, {who['role']} in {who['workspace']}"))
    built = session.api.page_status("/") == _OK
    remedy = "Build it where the API runs: make web. Everything else works without it."
    results.append(
        _check("api", "the dashboard is served", GOOD if built else WARN, "" if built else "not built", remedy)
    )
    return results


def _freshness(seen: dict[str, Any]) -> Check:
    views, behind, age = seen.get("views") or {}, seen.get("behind"), seen.get("age")
    lag = [f"{behind} events behind"] if behind is not None else []
    if not views.get("ok"):
        detail = "; ".join([views.get("detail") or "their age is unknown", *lag])
        remedy = "Is the projector running? Start it with meshwright-projector; `make up` does for a local stack."
        return _check("api", "views are up to date", BAD, detail, remedy)
    late = (behind or 0) > _BEHIND or (age or 0) > _OLD
    detail = ", ".join([*lag, f"{age or 0:g} s old"])
    return _check("api", "views are up to date", WARN if late else GOOD, detail, "The projector runs; wait a moment.")


def _adapters(session: Session) -> list[Check]:
    adapters, _ = session.api.list(paths.ADAPTERS, limit=500)
    if not adapters:
        return [_check("adapters", "an adapter is known", WARN, "none", "Start one: meshwright-adapter NAME")]
    results = []
    for one in adapters:
        alive = len(one.get("instances") or [])
        what, forget = f"{one['id']} is alive", f"if it is retired: meshwright adapters forget {one['id']}"
        remedy = f"Start it: meshwright-adapter {one['id']}; {forget}"
        if one.get("failure"):
            results.append(_check("adapters", what, BAD, one["failure"], f"Correct it and start it again; {forget}"))
        else:
            results.append(_check("adapters", what, GOOD if alive else BAD, _count(alive, "worker"), remedy))
    return results


def _meshes(session: Session) -> list[Check]:
    meshes, _ = session.api.list(paths.MESHES, limit=500)
    results = []
    for one in meshes:
        reasons = [c.get("message") or c["type"] for c in one.get("conditions") or [] if c["status"] == "False"]
        status = GOOD if one["state"] == "ready" else BAD if one["state"] == "degraded" else WARN
        detail = "; ".join(reasons) if reasons and status != GOOD else one["state"]
        results.append(
            _check("meshes", f"{one['id']} is ready", status, detail, f"meshwright meshes status {one['id']}")
        )
    return results or [
        _check("meshes", "there is a mesh", WARN, "none", "meshwright meshes install NAME -c CONNECTION")
    ]


def _proxies(session: Session) -> list[Check]:
    proxies, _ = session.api.list(paths.PROXIES, limit=2000)
    bad = [one for one in proxies if one["state"] != "synced"]
    results = [
        _check(
            "proxies",
            f"{one['name']} has its configuration",
            BAD if one["state"] == "rejected" else WARN,
            one.get("error") or one["state"].replace("_", " "),
            f"meshwright proxies list --workload {ids.parts(one['workload'])[-1]}",
        )
        for one in bad
    ]
    good = len(proxies) - len(bad)
    return [_check("proxies", f"{good} of {len(proxies)} are in sync", GOOD if not bad else WARN), *results]


def _dead_letters(session: Session) -> list[Check]:
    dead, more = session.api.list(paths.DEADLETTERS, {"state": "open"}, limit=5)
    if not dead:
        return [_check("operations", "no dead letter is open", GOOD)]
    return [
        _check(
            "operations",
            f"{one['id']} ({one['adapter']}) is a dead letter",
            WARN,
            one["reason"] + (" (there are more)" if more else ""),
            f"meshwright deadletters show {one['id']}",
        )
        for one in dead
    ]


def _views(session: Session) -> list[Check]:
    try:
        aside, more = session.api.list(paths.SET_ASIDE, limit=1)
    except CommandFailed as failure:
        if getattr(failure, "status", 0) == _FORBIDDEN:
            return []  # for admins of all workspaces only
        raise
    if not aside:
        return [_check("views", "every message is in them", GOOD)]
    newest = aside[0]
    detail = f"{newest['stream']}/{newest['seq']}: {newest['reason']}" + (" (there are more)" if more else "")
    return [_check("views", "every message is in them", WARN, detail, "meshwright projection set-aside")]
