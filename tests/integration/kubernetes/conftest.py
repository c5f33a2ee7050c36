"""An API server that does what no real one can be made to do; real ones are in `testbed.fixtures`."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import yaml
from aiohttp import web

from meshwright.core.kit import kubernetes
from meshwright.core.kit.kubernetes import Cluster
from meshwright.schemas.connections import Kubernetes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Scripted:
    """An API server whose responses each test sets; discovery has only ConfigMaps."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.handler: Handler | None = None
        self.port = 0

    def settings(self) -> Kubernetes:
        """How to reach it."""
        named = {"name": "scripted"}
        document = {
            "current-context": "scripted",
            "clusters": [{**named, "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{**named, "user": {"token": "secret"}}],
            "contexts": [{**named, "context": {"cluster": "scripted", "user": "scripted"}}],
        }
        return Kubernetes(kubeconfig=yaml.safe_dump(document))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Discovery by itself, everything else as the test says."""
        if request.path == "/api":
            return web.json_response({"kind": "APIVersions", "versions": ["v1"]})
        if request.path == "/apis":
            return web.json_response({"kind": "APIGroupList", "groups": []})
        if request.path == "/api/v1":
            named = {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["get", "list", "watch"]}
            return web.json_response({"kind": "APIResourceList", "resources": [named]})
        self.asked.append(request)
        assert self.handler
        return await self.handler(request)


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """A scripted API server without TLS."""
    result = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", result.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    result.port = runner.addresses[0][1]
    yield result
    await runner.cleanup()


@pytest.fixture
async def scripted_cluster(scripted: Scripted) -> AsyncIterator[Cluster]:
    """A client of the scripted server."""
    async with kubernetes.Cluster.open(scripted.settings()) as result:
        yield result
