"""`meshwright overview` and `meshwright metrics`: the workspace at a glance, and the traffic of a mesh over time."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices, suggestions
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.commands import refreshing
from meshwright.ui_api.cli.commands.refreshing import EveryOption, WatchOption
from meshwright.ui_api.cli.render.traffic import overview as rendered

_MOST = 2000
_FIELDS = {"service": ["service"], "namespace": ["namespace"], "version": ["version"], "source": ["service", "name"]}
"""the fields of workloads that have what an option may name; a destination may be any host"""


def overview(
    session: Session,
    since: Annotated[
        str,
        typer.Option(
            "--since", metavar="TIME", help="Traffic from then on: 10m, 2h ago. By default the newest windows."
        ),
    ] = "",
    watch: WatchOption = False,
    every: EveryOption = refreshing.EVERY,
) -> None:
    """Show every mesh with its proxies and traffic, what runs, and what needs somebody, the worst first."""

    def params() -> dict[str, Any]:
        return {"since": choices.moment(since)} if since else {}

    refreshing.show(session, "/v1/overview", params, rendered.overview, watch=watch, every=every)


def metrics(
    session: Session,
    mesh: Annotated[
        str, typer.Argument(metavar="[MESH]", help="May be omitted if there is only one.", show_default=False)
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From then on: 10m, 2h ago, or 2026-11-23T21:00:00Z.")
    ] = "1h",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Until then, by default now.")] = "",
    points: Annotated[int, typer.Option("--points", min=1, max=300, help="In about so many steps.")] = 60,
    service: Annotated[str, typer.Option("--service", help="What this service receives.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="What this namespace receives.")] = "",
    version: Annotated[str, typer.Option("--version", help="What this version of the service receives.")] = "",
    source: Annotated[str, typer.Option("--source", help="What this service or workload sends.")] = "",
    destination: Annotated[str, typer.Option("--destination", help="What is sent to this service or host.")] = "",
    watch: WatchOption = False,
    every: EveryOption = refreshing.EVERY,
) -> None:
    """Show requests/s, errors, latencies and mutual TLS of a mesh over time, with true quantiles."""
    path = paths.one(paths.MESHES, choices.mesh_or_only(session, mesh), "/series")
    chosen = {
        "service": service,
        "namespace": namespace,
        "version": version,
        "source": source,
        "destination": destination,
    }

    def params() -> dict[str, Any]:
        span = {name: choices.moment(text, f"--{name}") for name, text in (("since", since), ("until", until)) if text}
        return {"points": points, **span, **{name: text for name, text in chosen.items() if text}}

    if not watch:
        _say_what_is_unknown(session, chosen)
    refreshing.show(session, path, params, rendered.series, watch=watch, every=every)


def _say_what_is_unknown(session: Session, chosen: dict[str, str]) -> None:
    """The services and namespaces that were named, and that no workload has."""
    if not any(chosen.values()):
        return
    workloads, _ = session.api.list(paths.WORKLOADS, limit=_MOST)
    for option, fields in _FIELDS.items():
        name = chosen[option].rpartition("/")[2]
        known = sorted({each[field] for each in workloads for field in fields if each[field]})
        if name and known and len(workloads) < _MOST and name not in known:
            session.output.say(f"no workload has the {option} {name}. {suggestions.did_you_mean(name, known)}")
