"""Resources: the objects of clusters, as observed by discovery. They are read here and changed by operations only."""

from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds, resources
from meshwright.core.store.resources import IndexedResource
from meshwright.schemas.base import whole
from meshwright.schemas.discovery import ClusterResource, ResourceSummary
from meshwright.schemas.workloads import ENTITY_PATTERN
from meshwright.ui_api.http.problems import not_found
from meshwright.ui_api.http.queries import Page, Read
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import selectors, views

routes = Routes("resources")
CORE = "core"
"""the name in a query of the API group without a name, since an empty text means all groups"""


class ResourcePage(Page, frozen=True, kw_only=True):
    """Resources, filtered and sorted."""

    connection: str = ""
    group: Annotated[str, Meta(description=f"The API group; `{CORE}` for the one without a name.")] = ""
    kind: Annotated[str, Meta(description="As in `Deployment`.")] = ""
    namespace: str = ""
    name: str = ""
    owner: Annotated[str, Meta(description="The UID of its controller.")] = ""
    labels: Annotated[
        str,
        Meta(
            max_length=500,
            pattern=whole(selectors.PATTERN),
            description="A label selector, as in `app=reviews,version in (v1,v2),!canary`.",
        ),
    ] = ""
    text: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=whole("^[^\\x00]*$"),
            description="Text in its body as JSON, ignoring case.",
        ),
    ] = ""
    order_by: Annotated[
        Literal["id", "id desc", "name", "name desc", "observed_at", "observed_at desc"],
        Meta(description="Field and direction."),
    ] = "id"


_READ = ("store-unavailable", "not-yet-visible")


@routes.add(
    "GET",
    "/v1/resources",
    "listResources",
    role="viewer",
    query=ResourcePage,
    answer=views.listed(ResourceSummary),
    problems=_READ,
)
async def index(call: Call[NoBody, ResourcePage]) -> Response:
    """List the objects of clusters, by namespace, kind, label and text, without their bodies."""
    query = call.query
    selected = resources.matching(selectors.requirements(query.labels), query.text)
    where = {
        "connection": query.connection,
        "kind": query.kind,
        "namespace": query.namespace,
        "name": query.name,
        "owner.uid": query.owner,
        **({"group": [""] if query.group == CORE else [query.group]} if query.group else {}),
    }
    return await views.page(call, kinds.RESOURCES, where, query.order_by, also=selected, shown=_summary)


@routes.add(
    "GET",
    "/v1/resources/{id}",
    "getResource",
    places={"id": ENTITY_PATTERN},
    role="viewer",
    query=Read,
    answer=ClusterResource,
    headers=("ETag",),
    problems=_READ,
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show an object with its body, as it was last observed."""
    await views.settle(call, kinds.RESOURCES.stream)
    stored = await call.api.views.get(kinds.RESOURCES, call.workspace, call.name())
    if stored is None:
        raise not_found("resource", call.name())
    return views.shown(call, stored.document.whole, stored.seq)


def _summary(document: IndexedResource) -> ResourceSummary:
    return document.summary
