"""`meshwright topology`: which services call which, how often, with which errors."""

import enum
from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import MeshOption
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.commands import refreshing
from meshwright.ui_api.cli.commands.refreshing import EveryOption, WatchOption
from meshwright.ui_api.cli.render.traffic import graph

SPAN = "1m"
"""A single window may be two seconds long: what is called less often would come and go."""


class Group(enum.StrEnum):
    """What the nodes are."""

    SERVICE = "service"
    VERSION = "version"
    NAMESPACE = "namespace"


def topology(
    session: Session,
    mesh: MeshOption = "",
    watch: WatchOption = False,
    every: EveryOption = refreshing.EVERY,
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", help="All windows since then (10m, 2h ago, or a time), added up."),
    ] = SPAN,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Only windows that began before.")] = "",
    group: Annotated[
        Group | None, typer.Option("--group", help="What the nodes are; namespaces where there are many.")
    ] = None,
    expand: Annotated[
        list[str] | None,
        typer.Option("--expand", metavar="NAMESPACE", help="Show the services of this one; may be repeated."),
    ] = None,
) -> None:
    """Show the graph of a mesh: requests/s, errors, latencies and mutual TLS per edge.

    It is measured from the proxies' own statistics, or read from the Prometheus of a connection.
    """
    path = paths.one(paths.MESHES, choices.mesh_or_only(session, mesh), "/topology")

    def params() -> dict[str, Any]:
        asked: dict[str, Any] = {
            name: choices.moment(text, f"--{name}") for name, text in (("since", since), ("until", until)) if text
        }
        asked |= {"group": group.value} if group else {}
        return asked | ({"expand": ",".join(expand)} if expand else {})

    refreshing.show(session, path, params, graph.topology, watch=watch, every=every)
