"""`meshwright workloads` and `meshwright proxies`: who is in the mesh, and what their proxies say."""

from typing import Annotated

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import MeshFilter, MeshOption, ReasonOption, TimeoutOption, WaitOption, YesOption
from meshwright.ui_api.cli.client import documents, paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.render import live, views

group = typer.Typer(help="Workloads: list, enrol, withdraw.", no_args_is_help=True)
proxies_group = typer.Typer(help="Proxies and the state of their configuration.", no_args_is_help=True)


@command(group, "list")
def index(
    session: Session,
    mesh: MeshFilter = "",
    service: Annotated[str, typer.Option("--service", "-s", help="Only of this service.")] = "",
    limit: choices.LimitOption = 500,
) -> None:
    """List workloads with the state of their proxies."""
    found = choices.found_all(session, paths.WORKLOADS, {"mesh": mesh, "service": service}, limit)
    if not session.output.human:
        session.output.data(found)
        return
    proxies, _ = session.api.list(paths.PROXIES, {"mesh": mesh}, limit=limit)
    session.output.show(found, views.workloads(found, proxies))


@command(group, "enrol")
def enrol(
    session: Session,
    file: Annotated[str, typer.Option("--file", "-f", help="A list of workloads in YAML or JSON; - for stdin.")],
    mesh: MeshOption = "",
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Give workloads a proxy and an identity; enrolling one twice changes nothing."""
    body = {"workloads": documents.load_workloads(file), "reason": reason}
    path = paths.one(paths.MESHES, choices.mesh_or_only(session, mesh), "/workloads")
    live.operate(session, "POST", path, body, wait=wait, limit=timeout)


@command(group, "withdraw")
def withdraw(
    session: Session,
    workloads: Annotated[list[str], typer.Argument(metavar="WORKLOAD...", help="One or more names.")],
    mesh: MeshOption = "",
    yes: YesOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Take workloads out of the mesh, one operation each."""
    chosen = choices.mesh_or_only(session, mesh)
    session.confirm(f"Take {', '.join(workloads)} out of mesh {chosen}?", yes=yes)
    for name in workloads:
        path = paths.one(paths.MESHES, chosen, "/workloads") + paths.one("", name)
        done = live.operate(session, "DELETE", path, {"reason": reason}, wait=wait, limit=timeout, silent=True)
        if not session.output.human:
            session.output.line(done)  # there may be several


@command(proxies_group, "list")
def proxies(
    session: Session,
    mesh: MeshFilter = "",
    workload: Annotated[str, typer.Option("--workload", help="Only of this workload.")] = "",
    state: Annotated[str, typer.Option("--state", help="synced, stale, rejected, disconnected or not_sent.")] = "",
    limit: choices.LimitOption = 500,
) -> None:
    """List proxies: which configuration they took, and what they refused in their own words."""
    params = {"mesh": mesh, "workload": workload, "state": state}
    found = choices.found_all(session, paths.PROXIES, params, limit)
    session.output.show(found, views.proxies(found))
