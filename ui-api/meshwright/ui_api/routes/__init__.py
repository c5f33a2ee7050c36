"""Every route of the API, by resource."""

from meshwright.ui_api.http.routing import Route
from meshwright.ui_api.routes import (
    adapters,
    analyses,
    connections,
    deadletters,
    designs,
    drift,
    events,
    logs,
    meshes,
    operations,
    previews,
    projection,
    releases,
    resources,
    system,
    webhooks,
    workloads,
)
from meshwright.ui_api.routes.access import sessions, tokens, workspaces
from meshwright.ui_api.routes.reading import overview, processes, series, topology

ALL: tuple[Route, ...] = tuple(
    route
    for group in (
        sessions,
        workspaces,
        tokens,
        connections,
        adapters,
        meshes,
        logs,
        workloads,
        designs,
        drift,
        previews,
        analyses,
        releases,
        resources,
        operations,
        deadletters,
        events,
        webhooks,
        overview,
        processes,
        series,
        topology,
        projection,
        system,
    )
    for route in group.routes.declared
)
"""the routes in the order of matching: a verb (`/{id}:apply`) before the plain resource"""
