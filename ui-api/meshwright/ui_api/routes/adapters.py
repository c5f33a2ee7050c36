"""Adapters: the live ones, their operations, and the intent matrix."""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.store import kinds
from meshwright.schemas import subjects
from meshwright.schemas.adapters import (
    AccessRule,
    Adapter,
    AdapterForgotten,
    InstallationToBe,
    NeededRights,
    RightsRequest,
)
from meshwright.schemas.base import Model, whole
from meshwright.schemas.subjects import SYSTEM_WORKSPACE
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import NoQuery, Page, Read, Write
from meshwright.ui_api.http.routing import TOKEN_PATTERN, Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import cluster_roles, previews
from meshwright.ui_api.requests.states import PUBLISH_S

routes = Routes("adapters")
_NEEDED = msgspec.json.Decoder(NeededRights)


@routes.add(
    "GET",
    "/v1/adapters",
    "listAdapters",
    role="viewer",
    query=Page,
    answer=views.listed(Adapter),
    problems=("store-unavailable", "not-yet-visible"),
)
async def index(call: Call[NoBody, Page]) -> Response:
    """List adapters with their operations, intent matrix and live instances."""
    return await views.page(call, kinds.ADAPTERS, workspace=SYSTEM_WORKSPACE)


@routes.add(
    "GET",
    "/v1/adapters/{id}",
    "getAdapter",
    role="viewer",
    query=Read,
    answer=Adapter,
    headers=("ETag",),
    problems=("store-unavailable", "not-yet-visible"),
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show an adapter."""
    await views.settle(call, kinds.ADAPTERS.stream)
    document = await call.api.views.get(kinds.ADAPTERS, SYSTEM_WORKSPACE, call.name())
    if document is None:
        raise not_found("adapter", call.name())
    return views.shown(call, document.document, document.seq)


Account: TypeAlias = Annotated[
    str, Meta(pattern=whole("^([a-z0-9-]{1,63}/[a-z0-9.-]{1,253})?$"), description="As namespace/name.")
]


class Roles(Read, frozen=True, kw_only=True):
    """The service account for the roles; without one there are no bindings."""

    service_account: Account = ""


class RolesForInstalling(InstallationToBe, frozen=True, kw_only=True):
    """What is to be installed, and the service account for the roles; without one there are no bindings."""

    service_account: Account = ""


class AdapterRights(Model, frozen=True, kw_only=True):
    """The permissions that an adapter needs in a Kubernetes cluster, and the manifests that grant exactly these."""

    adapter: str
    rules: list[AccessRule]
    manifests: list[dict[str, Any]]


@routes.add(
    "GET",
    "/v1/adapters/{id}/rights",
    "getAdapterRights",
    role="viewer",
    query=Roles,
    answer=AdapterRights,
    problems=("store-unavailable", "not-yet-visible"),
)
async def rights(call: Call[NoBody, Roles]) -> Response:
    """The exact roles that an adapter's credentials need in a Kubernetes cluster, for `kubectl apply`."""
    await views.settle(call, kinds.ADAPTERS.stream)
    stored = await call.api.views.get(kinds.ADAPTERS, SYSTEM_WORKSPACE, call.name())
    if stored is None:
        raise not_found("adapter", call.name())
    adapter = msgspec.convert(stored.document, Adapter)
    rules = [rule for each in adapter.connections for rule in each.rights]
    return _granting(adapter.id, f"meshwright-{adapter.id}", rules, call.query.service_account)


@routes.add(
    "POST",
    "/v1/adapters/{id}:rights",
    "getInstallationRights",
    role="operator",
    body=RolesForInstalling,
    answer=AdapterRights,
    problems=previews.PROBLEMS,
)
async def installation_rights(call: Call[RolesForInstalling, NoQuery]) -> Response:
    """The exact roles that installing, upgrading and uninstalling a mesh takes, from what its charts render."""
    name, body = previews.alive(call.api, call.name()), call.body
    request = RightsRequest(
        workspace=call.workspace,
        version=body.version,
        revision=body.revision,
        profile=body.profile,
        namespace=body.namespace,
        values=body.values,
    )
    payload = msgspec.json.encode(request)
    needed = await previews.ask(call.api, name, "rights", payload, _NEEDED, previews.PREVIEW_S)
    return _granting(name, f"meshwright-{name}-{needed.name}", needed.rules, body.service_account)


def _granting(adapter: str, role: str, rules: list[AccessRule], service_account: str) -> Response:
    namespace, _, name = service_account.partition("/")
    account = (namespace, name) if name else None
    manifests = cluster_roles.manifests(role, rules, service_account=account)
    return answers.ok(AdapterRights(adapter=adapter, rules=rules, manifests=manifests))


class Forget(Write, frozen=True, kw_only=True):
    """The reason, and whether meshes may be left behind."""

    orphan: Annotated[bool, Meta(description="Even if meshes of it remain, which then have no adapter.")] = False


@routes.add(
    "DELETE",
    "/v1/adapters/{id}",
    "forgetAdapter",
    places={"id": TOKEN_PATTERN},  # not always a name: any announced failure may be of an arbitrary text
    role="admin",
    everywhere=True,
    query=Forget,
    status=204,
    headers=("Meshwright-Seq",),
    problems=("in-use",),
)
async def forget(call: Call[NoBody, Forget]) -> Response:
    """Forget an adapter without workers. It is listed again as soon as a worker of it starts."""
    name = call.name()
    event = await call.api.bus.last(subjects.EVENTS.stream, _told_of(name))
    if event is None or event.type == AdapterForgotten.wire.name:
        raise not_found("adapter", name)
    if workers := call.api.live_adapters.workers_of(name):
        raise Refusal(
            "in-use", f"adapter {name} has the live workers {', '.join(workers)}", remedy="Stop its workers first."
        )
    orphans = call.api.directory.meshes_of(name)
    if orphans and not call.query.orphan:
        remedy = "Uninstall them while a worker of it runs, or leave them behind with `orphan` (`--orphan`)."
        raise Refusal("in-use", f"adapter {name} has the meshes {', '.join(orphans)}", remedy=remedy)
    if call.query.validate_only:
        return answers.nothing(event.seq)
    return answers.nothing((await _forgotten(call, name, event, orphans)).seq)


async def _forgotten(call: Call[NoBody, Forget], name: str, event: mwbus.Received, orphans: list[str]) -> mwbus.Ack:
    reason = call.reason(call.query.reason)
    message = AdapterForgotten(name=name, principal=call.principal.name, reason=reason, orphans=orphans)
    return await call.api.bus.publisher.publish(
        _told_of(name, origin=subjects.API),
        message,
        about=f"adapters/{name}",
        id=ids.derived("forget", name, str(event.seq)),
        timeout=PUBLISH_S,
    )


def _told_of(name: str, origin: str = "*") -> str:
    return subjects.fill(subjects.EVENTS, workspace=SYSTEM_WORKSPACE, origin=origin, entity="adapter", id=name)
