"""`meshwright workloads` and `meshwright proxies`: the workloads of a mesh, and the state of their proxies."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.choices import (
    DryRunOption,
    MatchOption,
    MeshFilter,
    MeshOption,
    NameFilter,
    NamespaceFilter,
    ProxyName,
    ReasonOption,
    TimeoutOption,
    WaitOption,
    WorkloadName,
    WorkloadNames,
    YesOption,
)
from meshwright.ui_api.cli.client import documents, naming, paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import accounts, live, meshes, views

group = typer.Typer(help="Workloads: list, show, enrol, withdraw.", no_args_is_help=True)
proxies_group = typer.Typer(help="Proxies and the state of their configuration.", no_args_is_help=True)

NamespaceMember = Annotated[
    str, typer.Option("--namespace", "-n", help="A namespace with all its workloads, or the namespace of --controller.")
]
Controllers = Annotated[
    list[str] | None,
    typer.Option("--controller", metavar="KIND/NAME", help="As in deployment/reviews-v1; may be repeated."),
]
Restart = Annotated[bool, typer.Option("--restart", help="Restart running pods, so that they join the mesh now.")]

_MOST_PROXIES = 5000
Mode = Annotated[str, typer.Option("--mode", help="sidecar or ambient, where the mesh has both.")]
Revision = Annotated[str, typer.Option("--revision", help="The control plane revision or tag that it uses.")]
Waypoint = Annotated[str, typer.Option("--waypoint", help="A waypoint for the traffic of an ambient namespace.")]


@lists(group, events=("workload", "proxy"))
def index(
    session: Session,
    mesh: MeshFilter = "",
    namespace: NamespaceFilter = "",
    service: Annotated[str, typer.Option("--service", "-s", help="Only of this service.")] = "",
    version: Annotated[str, typer.Option("--version", help="Only of this version.")] = "",
    name: NameFilter = "",
    kind: Annotated[str, typer.Option("--kind", help="process, deployment, statefulset or daemonset.")] = "",
    match: MatchOption = "",
) -> Listing:
    """List workloads with the state of their proxies."""
    params = {"mesh": mesh, "namespace": namespace, "service": service, "version": version, "name": name}
    params |= {"kind": kind, "q": match}

    def render(items: list[dict[str, Any]]) -> Any:
        if not session.output.human:
            return None
        proxies, _ = session.api.list(paths.PROXIES, {"mesh": mesh, "namespace": namespace}, limit=_MOST_PROXIES)
        return views.workloads(items, proxies)

    return Listing(path=paths.WORKLOADS, params=params, render=render)


@command(group, "show")
def show(session: Session, workload: WorkloadName, mesh: MeshFilter = "") -> None:
    """Show a workload."""
    document = choices.entity(session, paths.WORKLOADS, workload, mesh)
    session.output.show(document, views.document(document))


@command(group, "enrol")
def enrol(
    session: Session,
    file: Annotated[str, typer.Option("--file", "-f", help="A list of processes in YAML or JSON; - for stdin.")] = "",
    namespace: NamespaceMember = "",
    controller: Controllers = None,
    restart: Restart = False,
    mode: Mode = "",
    revision: Revision = "",
    waypoint: Waypoint = "",
    mesh: MeshOption = "",
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Give workloads a proxy and an identity; enrolling one twice changes nothing."""
    chosen = {"mode": mode, "revision": revision, "waypoint": waypoint}
    how = {name: value for name, value in chosen.items() if value}
    body = {
        "workloads": documents.load_workloads(file) if file else [],
        "members": [{**each, **how} for each in _members(namespace, controller or [], restart)],
        "reason": reason,
    }
    if not body["workloads"] and not body["members"]:
        raise CommandFailed(
            "nothing to enrol was named", code=Exit.USAGE, remedy="Give --file FILE or --namespace NAME."
        )
    path = paths.one(paths.MESHES, choices.mesh_or_only(session, mesh), "/workloads")
    live.operate(session, "POST", path, body, wait=wait, limit=timeout, dry_run=dry_run)


@command(group, "withdraw")
def withdraw(
    session: Session,
    workloads: WorkloadNames = None,
    namespace: NamespaceMember = "",
    controller: Controllers = None,
    restart: Restart = False,
    mesh: MeshOption = "",
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Withdraw workloads from their mesh, one operation each."""
    members = _members(namespace, controller or [], restart)
    if bool(members) == bool(workloads):
        raise CommandFailed(
            "nothing to withdraw was named", code=Exit.USAGE, remedy="Name workloads, or give --namespace NAME."
        )
    if members:
        chosen = choices.mesh_or_only(session, mesh)
        what = f"{', '.join(controller)} of namespace {namespace}" if controller else f"namespace {namespace}"
        session.confirm(f"Withdraw {what} from mesh {chosen}?", yes=yes or dry_run)
        body = {"members": members, "reason": reason}
        path = paths.one(paths.MESHES, chosen, ":withdraw")
        live.operate(session, "POST", path, body, wait=wait, limit=timeout, dry_run=dry_run)
        return
    entities = [choices.entity(session, paths.WORKLOADS, name, mesh) for name in workloads or []]
    meshes = ", ".join(dict.fromkeys(one["mesh"] for one in entities))
    session.confirm(f"Withdraw {', '.join(map(naming.full_name, entities))} from mesh {meshes}?", yes=yes or dry_run)
    for one in entities:
        path = paths.one(paths.WORKLOADS, one["id"])
        if dry_run:
            live.preview(session, "DELETE", path, {"reason": reason})
            continue
        done = live.operate(session, "DELETE", path, {"reason": reason}, wait=wait, limit=timeout, silent=True)
        if not session.output.human:
            session.output.line(done)  # the same name may exist several times


@lists(proxies_group, events=("proxy",))
def proxies(
    session: Session,
    mesh: MeshFilter = "",
    namespace: NamespaceFilter = "",
    workload: Annotated[str, typer.Option("--workload", help="Only of this workload.")] = "",
    name: NameFilter = "",
    state: Annotated[str, typer.Option("--state", help="synced, stale, rejected, disconnected or not_sent.")] = "",
    match: MatchOption = "",
) -> Listing:
    """List proxies: the configuration that they accepted, and what they rejected, in their own words."""
    of_workload = choices.entity(session, paths.WORKLOADS, workload, mesh)["id"] if workload else ""
    params = {"mesh": mesh, "namespace": namespace, "workload": of_workload, "name": name}
    params |= {"state": state, "q": match}
    return Listing(path=paths.PROXIES, params=params, render=meshes.proxies)


@command(proxies_group, "show")
def show_proxy(session: Session, proxy: ProxyName, mesh: MeshFilter = "") -> None:
    """Show a proxy: the state of each resource type, and the certificates and configuration that it holds itself."""
    document = choices.entity(session, paths.PROXIES, proxy, mesh)
    try:
        account, because = session.api.get(paths.one(paths.PROXIES, document["id"], "/account")), ""
    except CommandFailed as failure:  # what the control plane knows is shown all the same
        account, because = None, failure.what
    shown = {**document, "account": account} if account else document
    session.output.show(shown, accounts.proxy(document, account, because))


def _members(namespace: str, controllers: list[str], restart: bool) -> list[dict[str, Any]]:
    """The namespace, or its controllers that are named. Raises CommandFailed."""
    if controllers and not namespace:
        raise CommandFailed("--controller needs --namespace", code=Exit.USAGE)
    if not controllers:
        return [{"member": "namespace", "namespace": namespace, "restart": restart}] if namespace else []
    members = []
    for each in controllers:
        kind, slash, name = each.partition("/")
        if not slash:
            raise CommandFailed(f"{each} is not KIND/NAME", code=Exit.USAGE, remedy="As in deployment/reviews-v1.")
        members.append({"member": "workload", "namespace": namespace, "kind": kind, "name": name, "restart": restart})
    return members
