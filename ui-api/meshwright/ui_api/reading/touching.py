"""Which operations touch a service.

Invariant: an operation touches the services that its design has intents for, in the version that it applied, and those
whose workloads it is about. What it removes or goes back to is known by the releases of its design.
"""

import asyncio
from typing import Any

from meshwright.core.store import kinds, paging
from meshwright.schemas.base import service_parts
from meshwright.ui_api.http.queries import LARGEST_PAGE
from meshwright.ui_api.http.routing import Call


async def service(call: Call[Any, Any], service: str, mesh: str) -> dict[str, Any]:
    """The condition for operations that touch this service, of one mesh if it is named. Raises StoreUnavailable."""
    namespace, name = service_parts(service)
    members = {"service": name, "namespace": namespace, "mesh": mesh}
    releases, workloads = await asyncio.gather(
        call.api.views.page(
            kinds.RELEASES,
            call.workspace,
            where={"mesh": mesh} if mesh else {},
            limit=LARGEST_PAGE,
            descending=True,
            also=paging.acting_on(service, "design"),
        ),
        call.api.views.page(
            kinds.WORKLOADS,
            call.workspace,
            where={field: value for field, value in members.items() if value},
            limit=LARGEST_PAGE,
        ),
    )
    designs = sorted({stored.document.design.id for stored in releases.items})
    names = sorted({stored.document.name for stored in workloads.items})
    place = {"namespace": {"$in": [namespace, None]}} if namespace else {}
    about: list[dict[str, Any]] = [{"name": {"$in": names}, **place}, {"service": name, **place}]
    if namespace:
        about.append({"member": "namespace", "namespace": namespace})
    return {
        "$or": [
            paging.acting_on(service, "arguments.design"),
            {"arguments.design": {"$in": designs}},
            {"arguments.workloads": {"$elemMatch": {"$or": about}}},
            {"arguments.workloads": {"$in": names}},
        ]
    }
