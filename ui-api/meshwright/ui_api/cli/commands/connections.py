"""`meshwright connections`: the platforms where meshes run."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli import choices, labels
from meshwright.ui_api.cli.choices import ReasonOption, YesOption
from meshwright.ui_api.cli.client import documents, paths, writing
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.commands import meshes
from meshwright.ui_api.cli.exits import CommandFailed, Exit, RequestRefused
from meshwright.ui_api.cli.listing import Listing, lists
from meshwright.ui_api.cli.render import connections as rendered
from meshwright.ui_api.cli.render import views
from meshwright.ui_api.cli.render.output import as_yaml

group = typer.Typer(help="Connections: the platforms where meshes run.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="CONNECTION")]


@lists(group, events=("connection",))
def index(
    session: Session,
    kind: Annotated[str, typer.Option("--kind", help="As in kubernetes.")] = "",
    selector: Annotated[str, typer.Option("--selector", "-l", help="As in env=prod,tier in (a,b).")] = "",
) -> Listing:
    """List connections."""
    selects = labels.selector(selector)
    select = (lambda one: selects(one.get("labels") or {})) if selector else None
    return Listing(path=paths.CONNECTIONS, params={"kind": kind}, render=views.connections, select=select)


@command(group, "show")
def show(session: Session, connection: Name) -> None:
    """Show a connection."""
    document = session.api.get(paths.one(paths.CONNECTIONS, connection))
    session.output.show(document, views.document(document))


SettingsOption = Annotated[
    str, typer.Option("--settings", help="A file (JSON or YAML, - for stdin) with the settings of the kind.")
]
KubeconfigOption = Annotated[str, typer.Option("--kubeconfig", help="A file; of a Kubernetes connection.")]
KubeContextOption = Annotated[
    str,
    typer.Option(
        "--context",
        help="A context of the kubeconfig; empty for its current one. That of Meshwright goes before `connections`.",
    ),
]
LabelOption = Annotated[list[str] | None, typer.Option("--label", "-l", help="name=value; may be repeated.")]
_KINDS = "envoy-fleet, kubernetes, consul, kuma, prometheus, or another"


@command(group, "add")
def add(
    session: Session,
    connection: Name,
    kind: Annotated[str, typer.Option("--kind", help=f"{_KINDS}; a kubeconfig says it.")] = "",
    settings: SettingsOption = "",
    kubeconfig: KubeconfigOption = "",
    context: KubeContextOption = "",
    description: Annotated[str, typer.Option("--description")] = "",
    label: LabelOption = None,
    reason: ReasonOption = "",
) -> None:
    """Create a connection, and test it: the identity used there and its permissions."""
    if not (kind or kubeconfig):
        raise CommandFailed("what kind?", code=Exit.USAGE, remedy=f"Give --kubeconfig FILE, or --kind: {_KINDS}.")
    body = _document(connection, kind or "kubernetes", description, label, _settings(settings, kubeconfig, context))
    try:
        writing.create(session, paths.one(paths.CONNECTIONS, connection), body, reason)
    except RequestRefused as refused:
        if refused.slug != "stale":
            raise
        remedy = f"`meshwright connections set {connection}` replaces its settings."
        raise CommandFailed(f"connection {connection} exists", code=Exit.REFUSED, remedy=remedy) from refused
    session.output.say(f"connection {connection} saved")
    _test(session, connection, reason)


@command(group, "set")
def put(
    session: Session,
    connection: Name,
    kind: Annotated[str, typer.Option("--kind", help=f"{_KINDS}.")],
    settings: SettingsOption = "",
    kubeconfig: KubeconfigOption = "",
    context: KubeContextOption = "",
    description: Annotated[str, typer.Option("--description")] = "",
    label: LabelOption = None,
    reason: ReasonOption = "",
) -> None:
    """Create a connection, or replace its settings; omitted credentials are kept."""
    body = _document(connection, kind, description, label, _settings(settings, kubeconfig, context))
    answer = writing.save(session, paths.one(paths.CONNECTIONS, connection), body, reason)
    session.output.say(f"connection {connection} saved")
    if not session.output.human:
        session.output.data(answer.data)


def _settings(settings: str, kubeconfig: str, context: str) -> dict[str, Any]:
    if context and not kubeconfig:
        remedy = "The context of Meshwright goes before: meshwright --context NAME connections …"
        raise CommandFailed("--context names a context of --kubeconfig here", code=Exit.USAGE, remedy=remedy)
    given = documents.mapping(settings) if settings else {}
    given |= {"kubeconfig": documents.text(kubeconfig)} if kubeconfig else {}
    return given | ({"context": context} if context else {})


def _document(
    connection: str, kind: str, description: str, label: list[str] | None, settings: dict[str, Any]
) -> dict[str, Any]:
    given = dict(_pair(text) for text in label or [])
    return {"id": connection, "kind": kind, "description": description, "labels": given, "settings": settings}


@command(group, "test")
def test(session: Session, connection: Name, reason: ReasonOption = "") -> None:
    """Test a connection through a worker: the identity used there and its permissions. Changes nothing."""
    _test(session, connection, reason)


def _test(session: Session, connection: str, reason: str) -> None:
    path = paths.one(paths.CONNECTIONS, connection, ":test")
    result = session.api.request("POST", path, body={"reason": reason}).data
    session.output.show(result, rendered.tested(result))
    if not result["ok"]:
        raise CommandFailed(f"connection {connection} cannot be used as it is", code=Exit.FAILURE)


@command(group, "status")
def status(session: Session, connection: Name) -> None:
    """Show the conditions of a cluster as discovery last saw them: reachable, authorized, throttled, replaced."""
    document = session.api.get(paths.one(paths.CONNECTIONS, connection, "/status"))
    session.output.show(document, rendered.status(document))


@command(group, "rights")
def rights(
    session: Session,
    adapter: Annotated[
        list[str] | None,
        typer.Option("--adapter", help="May be repeated; default every adapter that announces its permissions."),
    ] = None,
    service_account: Annotated[
        str, typer.Option("--service-account", help="namespace/name; adds bindings for it.")
    ] = "",
    purpose: Annotated[
        str,
        typer.Option(
            "--for", help="use (what is there), or install: to install, upgrade and uninstall what the others say."
        ),
    ] = "use",
    version: meshes.VersionOption = "",
    revision: meshes.RevisionOption = "",
    profile: meshes.ProfileOption = "",
    namespace: meshes.NamespaceOption = "",
    values: meshes.ValuesOption = "",
    chart: meshes.ChartOption = "",
) -> None:
    """Print the exact roles that adapters need in a Kubernetes cluster, for `kubectl apply -f -`.

    A namespace that a role is in comes first, so that they can be applied before the mesh is installed.
    """
    mesh = {"version": version, "revision": revision, "profile": profile, "namespace": namespace}
    mesh_values = meshes.values_of(values, chart)
    if purpose not in ("use", "install") or (purpose == "use" and (any(mesh.values()) or mesh_values)):
        remedy = "Write --for install, with which a version, profile, revision, namespace and values go."
        raise CommandFailed("this is not how the rights of a mesh are asked for", code=Exit.USAGE, remedy=remedy)
    if purpose == "install":
        body = {**mesh, "values": mesh_values, "service_account": service_account}
        roles = _for_installing(session, adapter or [], body)
    else:
        known = choices.list_all(session, paths.ADAPTERS, {}, 500)
        telling = [one["id"] for one in known if any(each.get("rights") for each in one.get("connections") or [])]
        query = {"service_account": service_account or None}
        roles = [session.api.get(paths.one(paths.ADAPTERS, name, "/rights"), query) for name in adapter or telling]
    _print_roles(session, roles)


def _for_installing(session: Session, adapters: list[str], body: dict[str, Any]) -> list[dict[str, Any]]:
    if not adapters:
        raise CommandFailed("whose?", code=Exit.USAGE, remedy="Name the adapter that installs: --adapter NAME.")
    return [
        session.api.request("POST", paths.one(paths.ADAPTERS, each, ":rights"), body=body).data for each in adapters
    ]


def _print_roles(session: Session, roles: list[dict[str, Any]]) -> None:
    if not session.output.human:
        session.output.data(roles)
    else:
        manifests = [each for one in roles for each in one["manifests"]]
        session.output.text("".join(f"---\n{as_yaml(each)}" for each in manifests))
    if not any(one["manifests"] for one in roles):
        session.output.warn("no adapter announces the permissions that it needs in a Kubernetes cluster")


@command(group, "delete")
def delete(session: Session, connection: Name, yes: YesOption = False, reason: ReasonOption = "") -> None:
    """Remove a connection without meshes."""
    session.confirm(f"Remove connection {connection}?", yes=yes)
    writing.delete(session, paths.one(paths.CONNECTIONS, connection), reason)
    session.output.say(f"connection {connection} removed")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CommandFailed(f"{text!r} is not a label", code=Exit.USAGE, remedy="Write name=value.")
    return name, value
