"""A control plane of Kuma without Kubernetes, played: its HTTP API from memory.

Problem: Kuma is in no package, so no real one can run here. Invariant: it answers as Kuma documents (and its own tests
have recorded) for what the adapter asks: lists with pages, resources with times and labels, problems field by field,
401 without the token. It validates no policy; that the real definitions take them is shown with Kubernetes.
https://kuma.io/docs/latest/reference/http-api.
"""

import datetime
from typing import Any, Self

from aiohttp import web

from meshwright.core.kit.kubernetes.installing.needs import plural

TOKEN = "secret"
Body = dict[str, Any]


class ControlPlane:
    """Use as `async with ControlPlane() as plane:`; `resources` are those of all meshes, by mesh, plural and name."""

    def __init__(self, version: str = "2.14.3") -> None:
        self.version = version
        self.resources: dict[tuple[str, str, str], Body] = {}
        self.meshes: dict[str, Body] = {"default": {"type": "Mesh", "name": "default"}}
        self.zones: list[Body] = []
        self.overviews: list[Body] = []
        self.read_only = False
        self.page = 2
        """how many items a page has at most, so that pages are asked for"""
        self._modified = 0
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._authenticated])
        app.router.add_get("/", self._about)
        app.router.add_get("/who-am-i", self._who)
        app.router.add_get("/meshes", self._meshes)
        app.router.add_get("/meshes/{mesh}", self._mesh)
        app.router.add_get("/zones/_overview", self._zones)
        app.router.add_get("/meshes/{mesh}/dataplanes/_overview", self._overviews)
        app.router.add_get("/meshes/{mesh}/{kind}", self._list)
        app.router.add_get("/meshes/{mesh}/{kind}/{name}", self._get)
        app.router.add_put("/meshes/{mesh}/{kind}/{name}", self._put)
        app.router.add_delete("/meshes/{mesh}/{kind}/{name}", self._delete)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def put(self, kind: str, name: str, spec: Body, labels: dict[str, str] | None = None) -> None:
        """A resource as somebody else writes it."""
        body: Body = {"type": kind, "mesh": "default", "name": name, "spec": spec}
        self._store("default", plural(kind), name, {**body, **({"labels": labels} if labels else {})})

    def spec(self, kind: str, name: str) -> Body:
        """The specification of a resource."""
        result: Body = self.resources["default", plural(kind), name]["spec"]
        return result

    def _store(self, mesh: str, kind: str, name: str, body: Body) -> None:
        before = self.resources.get((mesh, kind, name), {})
        self._modified += 1
        now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=self._modified)
        times = {"creationTime": before.get("creationTime", now.isoformat()), "modificationTime": now.isoformat()}
        computed = {"kuma.io/mesh": mesh, "kuma.io/origin": "zone", "kuma.io/display-name": name}
        labels = {**body.get("labels", {}), **computed}
        self.resources[mesh, kind, name] = {**body, **times, "labels": labels, "kri": f"kri_{kind}_{mesh}___{name}_"}

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _problem(401, "Unauthenticated", "no valid token")
        response: web.StreamResponse = await handler(request)
        return response

    async def _about(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"hostname": "here", "product": "Kuma", "version": self.version, "instanceId": "here-1", "clusterId": "c"}
        )

    async def _who(self, _: web.Request) -> web.Response:
        return web.json_response({"name": "tester", "groups": ["mesh-system:admin"]})

    async def _meshes(self, request: web.Request) -> web.Response:
        return self._paged(request, list(self.meshes.values()))

    async def _mesh(self, request: web.Request) -> web.Response:
        found = self.meshes.get(request.match_info["mesh"])
        return web.json_response(found) if found else _problem(404, "Could not retrieve a resource", "Not found")

    async def _zones(self, request: web.Request) -> web.Response:
        return self._paged(request, self.zones)

    async def _overviews(self, request: web.Request) -> web.Response:
        return self._paged(request, self.overviews)

    async def _list(self, request: web.Request) -> web.Response:
        mesh, kind = request.match_info["mesh"], request.match_info["kind"]
        return self._paged(request, [body for key, body in sorted(self.resources.items()) if key[:2] == (mesh, kind)])

    async def _get(self, request: web.Request) -> web.Response:
        found = self.resources.get(_key(request))
        return web.json_response(found) if found else _problem(404, "Could not retrieve a resource", "Not found")

    async def _put(self, request: web.Request) -> web.Response:
        if self.read_only:
            return _problem(405, "Method not allowed", "on Kubernetes you cannot change the state of Kuma with 'PUT'")
        mesh, kind, name = _key(request)
        body = await request.json()
        wrong = [{"field": key, "reason": "must be the one of the path"} for key, value in
                 (("name", name), ("mesh", mesh)) if body.get(key) != value]  # fmt: skip
        wrong += [
            {"field": f'labels["{key}"]', "reason": "must be a valid label"}
            for key, value in body.get("labels", {}).items()
            if len(value) > 63 or len(key.rpartition("/")[2]) > 63
        ]
        if wrong:
            return _problem(400, "Could not process a resource", "Resource is not valid", invalid_parameters=wrong)
        created = (mesh, kind, name) not in self.resources
        self._store(mesh, kind, name, body)
        return web.json_response({}, status=201 if created else 200)

    async def _delete(self, request: web.Request) -> web.Response:
        if self.resources.pop(_key(request), None) is None:
            return _problem(404, "Could not delete a resource", "Not found")
        return web.Response(status=200)

    def _paged(self, request: web.Request, items: list[Body]) -> web.Response:
        start, size = int(request.query.get("offset", 0)), min(self.page, int(request.query.get("size", 100)))
        more = f"{self.url}{request.path}?offset={start + size}" if start + size < len(items) else None
        return web.json_response({"total": len(items), "items": items[start : start + size], "next": more})


def _key(request: web.Request) -> tuple[str, str, str]:
    return request.match_info["mesh"], request.match_info["kind"], request.match_info["name"]


def _problem(status: int, title: str, detail: str, **more: Any) -> web.Response:
    content = {"type": "/std-errors", "status": status, "title": title, "detail": detail, **more}
    return web.json_response(content, status=status, content_type="application/problem+json")


def overview(name: str, tags: dict[str, str], *, sent: int = 2, acked: int = 2, refused: int = 0) -> Body:
    """A proxy as a list of overviews has it."""
    counts = {
        "responsesSent": str(sent),
        "responsesAcknowledged": str(acked),
        **({"responsesRejected": str(refused)} if refused else {}),
    }
    subscription = {
        "id": "1",
        "controlPlaneInstanceId": "here-1",
        "connectTime": "2026-01-01T00:00:00Z",
        "status": {"total": counts, "cds": counts, "eds": counts, "lds": counts, "rds": counts},
        "version": {"kumaDp": {"version": "2.14.3"}, "envoy": {"version": "1.36.0"}},
    }
    insight = {
        "subscriptions": [subscription],
        "mTLS": {"certificateExpirationTime": "2036-01-01T00:00:00Z", "issuedBackend": "ca-1"},
    }
    inbound = [{"port": 9080, "tags": tags}]
    return {
        "type": "DataplaneOverview",
        "mesh": "default",
        "name": name,
        "dataplane": {"networking": {"address": "192.0.2.1", "inbound": inbound}},
        "dataplaneInsight": insight,
    }
