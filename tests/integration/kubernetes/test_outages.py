"""API servers that throttle, forget, break off and vanish: what the client makes of it."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import forwarding, loading
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef

MAP = ResourceRef(kind="ConfigMap", namespace="default", name="a")


def config_map(name: str, version: int, uid: str = "") -> dict[str, Any]:
    """An object as servers send it."""
    return {"metadata": {"name": name, "namespace": "default", "uid": uid or name, "resourceVersion": str(version)}}


def status(code: int, reason: str, **more: Any) -> web.Response:
    """A refusal as Kubernetes words it."""
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": reason, "code": code} | more
    return web.json_response(body, status=code)


async def test_what_is_throttled_is_asked_again_also_when_it_is_not_idempotent(
    scripted: Any, scripted_cluster: k8s.Cluster
) -> None:
    """A 429 means that nothing was done: the request is sent again after the pause that the server asks for."""

    async def handler(request: web.Request) -> web.Response:
        if len(scripted.asked) < 3:
            return web.json_response({"message": "slow down", "code": 429}, status=429, headers={"Retry-After": "1"})
        return web.json_response({"ok": True})

    scripted.handler = handler
    began = asyncio.get_running_loop().time()
    assert b"ok" in await scripted_cluster.request("POST", "/x", body={})
    assert len(scripted.asked) == 3
    assert asyncio.get_running_loop().time() - began >= 2.0


async def test_a_throttled_request_ends_when_its_time_is_over(scripted: Any, scripted_cluster: k8s.Cluster) -> None:
    """It ends with the server's own Retry-After, which an operation then waits."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"message": "slow down", "code": 429}, status=429, headers={"Retry-After": "60"})

    scripted.handler = handler
    with pytest.raises(k8s.TooManyRequests) as told:
        await scripted_cluster.get(MAP, timeout=5)
    assert told.value.after == 60
    assert told.value.failure.retryable


async def test_a_server_error_is_repeated_only_where_that_is_safe(scripted: Any, scripted_cluster: k8s.Cluster) -> None:
    """A GET gets through; a POST that may have been done is not sent twice."""

    async def handler(request: web.Request) -> web.Response:
        return status(503, "ServiceUnavailable") if len(scripted.asked) < 3 else web.json_response(config_map("a", 1))

    scripted.handler = handler
    with pytest.raises(k8s.Unavailable):
        await scripted_cluster.request("POST", "/x", body={})
    assert len(scripted.asked) == 1
    assert (await scripted_cluster.get(MAP))["metadata"]["uid"] == "a"


async def test_a_server_that_is_away_is_unreachable_within_the_time(scripted: Any) -> None:
    """Without a listener the error names the address, within the time-out."""
    settings = scripted.settings()
    scripted.port, port = 1, scripted.port
    async with k8s.Cluster.open(scripted.settings()) as away:
        with pytest.raises(k8s.Unreachable, match=r"127\.0\.0\.1:1 "):
            await away.request("GET", "/version", timeout=1)
    assert str(port) in settings.kubeconfig


async def test_a_server_that_says_nothing_is_not_waited_for_for_ever(
    scripted: Any, scripted_cluster: k8s.Cluster
) -> None:
    """The time-out counts for all tries together."""

    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(300)
        return web.Response()

    scripted.handler = handler
    with pytest.raises(k8s.Unreachable, match="no answer in time"):
        await scripted_cluster.request("GET", "/x", timeout=1)


async def test_credentials_that_are_not_taken_are_reported_as_such(
    scripted: Any, scripted_cluster: k8s.Cluster
) -> None:
    """Nothing is repeated by the client; an operation waits for new credentials."""

    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer secret"
        return status(401, "Unauthorized")

    scripted.handler = handler
    with pytest.raises(k8s.Unauthorized) as told:
        await scripted_cluster.get(MAP)
    assert len(scripted.asked) == 1
    assert "connections set" in told.value.failure.remedy


async def test_a_closed_client_says_so(scripted: Any) -> None:
    """A request in progress when the connection's settings changed is retried with the new ones."""

    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(300)
        return web.Response()

    scripted.handler = handler
    async with k8s.Cluster.open(scripted.settings()) as cluster:
        asking = asyncio.create_task(cluster.request("GET", "/x"))
        while not scripted.asked:  # noqa: ASYNC110 - the server's own list
            await asyncio.sleep(0.01)
    with pytest.raises(k8s.Closed):
        await asking
    with pytest.raises(k8s.Closed):
        await cluster.request("GET", "/x")


class Held:
    """A watch in the hand of the test."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request = request
        self._response = response

    async def send(self, kind: str, body: dict[str, Any]) -> None:
        """Send one event in two pieces, as a network may split it."""
        line = json.dumps({"type": kind, "object": body}).encode() + b"\n"
        await self._response.write(line[:7])
        await self._response.write(line[7:])

    async def write(self, data: bytes) -> None:
        """Send something else."""
        await self._response.write(data)

    def cut(self) -> None:
        """Break the connection without closing it."""
        assert isinstance(self._request.transport, asyncio.Transport)
        self._request.transport.abort()


class Changing:
    """A collection that changes, forgets its history and breaks off, as a script says."""

    def __init__(self, scripted: Any) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.version = 10
        self.watches: asyncio.Queue[Held] = asyncio.Queue()
        self.asked_from: list[str] = []
        self.expire = False
        self.lists = 0
        scripted.handler = self.answer

    def put(self, name: str, uid: str = "") -> dict[str, Any]:
        """Create or change an object."""
        self.version += 1
        self.objects[name] = config_map(name, self.version, uid)
        return self.objects[name]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Lists in pages of two, and watches that the test holds in its hand."""
        if request.query.get("watch"):
            self.asked_from.append(request.query["resourceVersion"])
            if self.expire:
                self.expire = False
                return status(410, "Expired")
            response = web.StreamResponse()
            await response.prepare(request)
            self.watches.put_nowait(Held(request, response))
            await asyncio.sleep(300)
            return response
        self.lists += request.query["limit"] != "1"
        names, start = sorted(self.objects), int(request.query.get("continue", "0"))
        more = str(start + 2) if start + 2 < len(names) else ""
        items = [self.objects[name] for name in names[start : start + 2]]
        return web.json_response({"metadata": {"resourceVersion": str(self.version), "continue": more}, "items": items})


def seen(events: list[k8s.WatchEvent]) -> dict[str, str]:
    """What the events amount to: UIDs by name."""
    result: dict[str, str] = {}
    for event in events:
        if isinstance(event, k8s.Added | k8s.Modified):
            assert isinstance(event, k8s.Modified) == (event.item.ref.name in result)
            result[event.item.ref.name] = event.item.uid
        elif isinstance(event, k8s.Deleted):
            assert result.pop(event.ref.name) == event.uid
    return result


async def until_synced(watching: Any, events: list[k8s.WatchEvent]) -> None:
    """Read up to the next mark that all objects were yielded."""
    async with asyncio.timeout(30):
        async for event in watching:
            events.append(event)
            if isinstance(event, k8s.Synced):
                return


async def test_after_a_forgotten_history_there_is_no_ghost_and_no_gap(
    scripted: Any, scripted_cluster: k8s.Cluster
) -> None:
    """Objects changed, deleted and created again without a watch are reported once, in their present state."""
    server, events = Changing(scripted), list[k8s.WatchEvent]()
    for name in "abcde":
        server.put(name)
    watching = scripted_cluster.watch("", "ConfigMap")
    await until_synced(watching, events)
    assert seen(events) == {name: name for name in "abcde"}
    reading = asyncio.create_task(until_synced(watching, events))
    watch = await server.watches.get()
    await watch.send("BOOKMARK", config_map("", 20))
    await watch.send("MODIFIED", config_map("a", 21))
    del server.objects["b"]
    server.version = 30
    server.put("c")
    server.put("d", uid="another d")
    server.put("f")
    server.objects["a"] = config_map("a", 21)
    server.expire = True
    watch.cut()
    await reading
    assert seen(events) == {"a": "a", "c": "c", "d": "another d", "e": "e", "f": "f"}
    counts = Counter(type(each).__name__ for each in events)
    assert counts == {"Added": 7, "Modified": 2, "Deleted": 2, "Synced": 2, "Interrupted": 1}
    assert server.asked_from == ["15", "21"]
    await watching.aclose()


async def test_what_is_broken_off_goes_on_where_it_stopped(scripted: Any, scripted_cluster: k8s.Cluster) -> None:
    """A cut connection and one that dies in the middle of a line cost no event and no second list."""
    server, events = Changing(scripted), list[k8s.WatchEvent]()
    server.put("a")
    watching = scripted_cluster.watch("", "ConfigMap")
    await until_synced(watching, events)
    for _ in range(2):
        reading = asyncio.create_task(until_synced(watching, events))
        watch = await server.watches.get()
        await watch.send("ADDED", server.put(f"b{server.version}"))
        await watch.send("DELETED", server.objects.pop(f"b{server.version - 1}"))
        await watch.write(b'{"type": "ADDED", "obj')
        watch.cut()
        await reading
    assert seen(events) == {"a": "a"}
    assert server.lists == 1
    assert server.asked_from == ["11", "12", "13"]
    await watching.aclose()


async def test_a_kind_that_goes_is_reported_as_gone(scripted: Any, scripted_cluster: k8s.Cluster) -> None:
    """When its definition is removed every object is reported as deleted, and then that the kind does not exist."""
    server, events = Changing(scripted), list[k8s.WatchEvent]()
    server.put("a")
    watching = scripted_cluster.watch("", "ConfigMap")
    await until_synced(watching, events)

    async def gone(request: web.Request) -> web.Response:
        return status(404, "NotFound")

    scripted.handler = gone
    with pytest.raises(k8s.NotFound):
        await until_synced(watching, events)
    assert seen(events) == {}


async def test_a_list_whose_version_is_forgotten_goes_on(scripted: Any, scripted_cluster: k8s.Cluster) -> None:
    """The server gives a token for the rest; who only lists needs no more."""
    server = Changing(scripted)
    for name in "abc":
        server.put(name)
    answered = server.answer

    async def expiring(request: web.Request) -> web.StreamResponse:
        if request.query.get("continue") == "2":
            return status(410, "Expired", metadata={"continue": "2 "})
        return await answered(request)

    scripted.handler = expiring
    assert [each.ref.name async for each in scripted_cluster.list("", "ConfigMap")] == ["a", "b", "c"]


async def test_a_request_is_passed_on_into_the_cluster(scripted: Any, scripted_cluster: k8s.Cluster) -> None:
    """By the API server's proxy of services and pods: path, query and scheme arrive, and what answers comes back."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=request.path_qs.encode(), content_type="text/plain")

    scripted.handler = handler
    istiod = forwarding.service(scripted_cluster, "istio-system", "istiod", 8080)
    assert await istiod.get("/debug/syncz", {"proxyID": "a.b"}) == (
        b"/api/v1/namespaces/istio-system/services/istiod:8080/proxy/debug/syncz?proxyID=a.b"
    )
    proxy = forwarding.pod(scripted_cluster, "shop", "web-1", "admin", scheme="https")
    assert await proxy.get("stats") == b"/api/v1/namespaces/shop/pods/https:web-1:admin/proxy/stats"


async def test_nothing_behind_a_service_is_reported_as_away(scripted: Any, scripted_cluster: k8s.Cluster) -> None:
    """The API server's own words say which service has no endpoints."""

    async def handler(request: web.Request) -> web.Response:
        return status(503, "ServiceUnavailable", message='no endpoints available for service "istiod"')

    scripted.handler = handler
    with pytest.raises(k8s.Unavailable, match="no endpoints available"):
        await forwarding.service(scripted_cluster, "istio-system", "istiod", 8080).get("/version", timeout=1)


async def test_what_a_command_gives_is_asked_for_again_before_it_ends(
    scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an admin allows `exec`: a token that lives for minutes does not end the connection."""
    monkeypatch.setattr(loading, "RENEW", 0.0)
    version = "client.authentication.k8s.io/v1"
    credential = f'{{"apiVersion": "{version}", "kind": "ExecCredential", "status": {{"token": "t%s"}}}}'
    script = tmp_path / "give"
    script.write_text(f"#!/bin/sh\necho x >>{tmp_path}/n; printf '{credential}' $(wc -l <{tmp_path}/n)\n")
    script.chmod(0o700)
    document = yaml.safe_load(scripted.settings().kubeconfig)
    document["users"][0]["user"] = {"exec": {"apiVersion": version, "command": str(script), "interactiveMode": "Never"}}
    given: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        given.append(request.headers["Authorization"])
        return web.json_response({})

    scripted.handler = handler
    async with k8s.Cluster.open(Kubernetes(kubeconfig=yaml.safe_dump(document))) as cluster:
        for _ in range(3):
            await cluster.request("GET", "/x")
    assert len(set(given)) == 3
    assert all(each.startswith("Bearer t") for each in given)


async def test_a_cluster_that_was_put_back_from_a_copy_is_listed_again(
    scripted: Any, scripted_cluster: k8s.Cluster
) -> None:
    """It continues at an earlier version, where a watch would be silent for long; lost objects are reported as
    deleted.
    """
    server, events = Changing(scripted), list[k8s.WatchEvent]()
    for name in "abc":
        server.put(name)
    watching = scripted_cluster.watch("", "ConfigMap")
    await until_synced(watching, events)
    reading = asyncio.create_task(until_synced(watching, events))
    watch = await server.watches.get()
    server.objects, server.version = {"a": server.objects["a"]}, 5
    server.put("d")
    watch.cut()
    await reading
    assert seen(events) == {"a": "a", "d": "d"}
    assert server.lists == 2 + 1
    await watching.aclose()
