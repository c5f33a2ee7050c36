"""`meshwright meshes`: installed meshes and their state."""

from pathlib import Path
from typing import Annotated, Any

import typer

from meshwright.ui_api.cli.choices import DryRunOption, MeshName, ReasonOption, TimeoutOption, WaitOption, YesOption
from meshwright.ui_api.cli.client import documents, paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import live, views
from meshwright.ui_api.cli.render import meshes as meshes_view

VersionOption = Annotated[str, typer.Option("--version", help="Version of the mesh; empty for the adapter's choice.")]
RevisionOption = Annotated[
    str, typer.Option("--revision", help="Revision of the control plane, where several can run side by side.")
]
ProfileOption = Annotated[str, typer.Option("--profile", help="A named set of settings of the mesh.")]
NamespaceOption = Annotated[str, typer.Option("--namespace", help="The namespace of the control plane.")]
ValuesOption = Annotated[str, typer.Option("--values", help="A file (JSON or YAML) with the mesh's own values.")]
ChartOption = Annotated[
    str, typer.Option("--chart", help="Location of its charts: a path on the worker's host, https://… or oci://…")
]
group = typer.Typer(help="Meshes: install, inspect, upgrade, uninstall.", no_args_is_help=True)


@lists(group, events=("mesh", "workload", "proxy"))
def index(
    session: Session,
    state: Annotated[str, typer.Option("--state", help="As in ready, degraded.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="As in istio.")] = "",
    connection: Annotated[str, typer.Option("--connection", "-c", help="Only of this connection.")] = "",
) -> Listing:
    """List meshes with their state."""
    params = {"state": state, "kind": kind, "connection": connection}
    return Listing(path=paths.MESHES, params=params, render=meshes_view.meshes)


@command(group, "show")
def show(session: Session, mesh: MeshName) -> None:
    """Show a mesh with its conditions."""
    document = session.api.get(paths.one(paths.MESHES, mesh))
    session.output.show(document, meshes_view.mesh(document))


@command(group, "install")
def install(
    session: Session,
    mesh: Annotated[str, typer.Argument(metavar="MESH", help="The name of the new mesh.")],
    connection: Annotated[str, typer.Option("--connection", "-c", help="Where.")],
    kind: Annotated[str, typer.Option("--kind", help="The kind, where the connection supports several.")] = "",
    adapter: Annotated[str, typer.Option("--adapter", help="The adapter, where several serve that kind.")] = "",
    trust_domain: Annotated[str, typer.Option("--trust-domain")] = "mesh.local",
    version: VersionOption = "",
    revision: RevisionOption = "",
    profile: ProfileOption = "",
    namespace: NamespaceOption = "",
    values: ValuesOption = "",
    chart: ChartOption = "",
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Install a mesh, or change an existing one to these settings."""
    given = {"version": version, "revision": revision, "profile": profile, "namespace": namespace}
    body: dict[str, Any] = {"id": mesh, "connection": connection, "kind": kind, "trust_domain": trust_domain, **given}
    body["values"] = values_of(values, chart)
    chosen = {"adapter": adapter} if adapter else {}
    _operate(session, "POST", paths.MESHES, {**body, **chosen, "reason": reason}, wait, timeout, dry_run)


@command(group, "upgrade")
def upgrade(
    session: Session,
    mesh: MeshName,
    version: VersionOption = "",
    revision: RevisionOption = "",
    values: ValuesOption = "",
    chart: ChartOption = "",
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Upgrade a mesh to another version, by default the newest that its adapter knows."""
    body: dict[str, Any] = {"version": version, "revision": revision, "reason": reason}
    body["values"] = values_of(values, chart)
    _operate(session, "POST", paths.one(paths.MESHES, mesh, ":upgrade"), body, wait, timeout, dry_run)


@command(group, "uninstall")
def uninstall(
    session: Session,
    mesh: MeshName,
    definitions: Annotated[
        str, typer.Option("--definitions", help="Removal of CRDs: keep, unused (without objects), or all.")
    ] = "keep",
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Remove a mesh with its proxies and policies."""
    session.confirm(f"Remove mesh {mesh} with all its proxies and policies?", yes=yes or dry_run)
    body = {"reason": reason, "definitions": definitions}
    _operate(session, "DELETE", paths.one(paths.MESHES, mesh), body, wait, timeout, dry_run)


@command(group, "status")
def status(session: Session, mesh: MeshName, timeout: TimeoutOption = None) -> None:
    """Have the adapter read the state of a mesh now, and show it."""
    done = live.operate(
        session, "POST", paths.one(paths.MESHES, mesh, ":status"), {}, wait=True, limit=timeout, silent=True
    )
    params = {"min_event": done.get("last_seq")}
    document = session.api.get(paths.one(paths.MESHES, mesh), params)
    proxies, _ = session.api.list(paths.PROXIES, {"mesh": mesh}, limit=1000)
    session.output.show({"mesh": document, "proxies": proxies}, meshes_view.mesh(document, proxies))


@command(group, "detect")
def detect(
    session: Session, connection: Annotated[str, typer.Argument(metavar="CONNECTION")], reason: ReasonOption = ""
) -> None:
    """Show the meshes of a connection, also those installed by others, and their problems; changes nothing."""
    path = paths.one(paths.CONNECTIONS, connection, ":detect")
    result = session.api.request("POST", path, body={"reason": reason}).data
    problems = [each["detail"] for each in result.get("problems") or []]
    if problems and not result.get("meshes"):
        what = "; ".join(problems)
        raise CommandFailed(f"the meshes of connection {connection} are unknown: {what}", code=Exit.FAILURE)
    session.output.show(result, meshes_view.detected(connection, result))


@command(group, "adopt")
def adopt(
    session: Session,
    mesh: Annotated[str, typer.Argument(metavar="MESH", help="The name of the mesh in Meshwright.")],
    connection: Annotated[str, typer.Option("--connection", "-c", help="Where it is.")],
    kind: Annotated[str, typer.Option("--kind", help="Which kind, where the connection can hold several.")] = "",
    adapter: Annotated[str, typer.Option("--adapter", help="Which adapter, where several serve that kind.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", help="Of its control plane, where there are several.")] = "",
    revision: RevisionOption = "",
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Manage an existing mesh, also one installed by others; it is not changed."""
    where = {"namespace": namespace, "revision": revision, **({"adapter": adapter} if adapter else {})}
    body: dict[str, Any] = {"id": mesh, "connection": connection, "kind": kind, **where, "reason": reason}
    _operate(session, "POST", f"{paths.MESHES}:adopt", body, wait, timeout, dry_run)


@command(group, "forget")
def forget(
    session: Session,
    mesh: MeshName,
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Stop managing an adopted mesh; it is not changed."""
    _operate(session, "POST", paths.one(paths.MESHES, mesh, ":forget"), {"reason": reason}, wait, timeout, dry_run)


@command(group, "intents")
def intents(session: Session, mesh: MeshName) -> None:
    """Show the intents that a mesh supports, at its version and with its features."""
    document = session.api.get(paths.one(paths.MESHES, mesh, "/intents"))
    session.output.show(document, views.mesh_intents(document))


@command(group, "rotate-certificates")
def rotate(
    session: Session,
    mesh: MeshName,
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Issue new certificates to every proxy of a mesh."""
    _operate(
        session,
        "POST",
        paths.one(paths.MESHES, mesh, ":rotate-certificates"),
        {"reason": reason},
        wait,
        timeout,
        dry_run,
    )


def _operate(
    session: Session, method: str, path: str, body: dict[str, Any], wait: bool, timeout: float | None, dry_run: bool
) -> None:
    live.operate(session, method, path, body, wait=wait, limit=timeout, dry_run=dry_run)


def values_of(values: str, chart: str) -> dict[str, Any]:
    """The values of an operation, from a file and the place of the charts."""
    given = documents.mapping(values) if values else {}
    if chart:
        given = {**given, "charts": chart if "://" in chart else str(Path(chart).absolute())}
    return given
