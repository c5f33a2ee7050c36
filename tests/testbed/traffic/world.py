"""Services with versions, and clients that call them through real sidecars: what a test of a mesh's effect needs.

Invariant: the cluster knows the same pods, addresses and accounts as the network does; the world ends with its block,
and its objects with their namespace.
"""

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec

from meshwright.core.machine import processes
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import HOST
from testbed import pki
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod
from testbed.objects import Object, Objects
from testbed.traffic import manifests, sidecars
from testbed.traffic.apps import App
from testbed.traffic.manifests import Service
from testbed.traffic.network import PodNetwork
from testbed.traffic.sidecars import Pod

_READY_S = 90.0
_ANSWER_S = 60.0


class Answer(msgspec.Struct, frozen=True):
    """What a client got; `service` and `version` are those of the pod that answered, empty where none did."""

    status: int
    headers: dict[str, str]
    text: str
    seconds: float
    service: str = ""
    version: str = ""
    received: dict[str, str] = {}
    """the headers as the pod saw them"""


class SidecarWorld:
    """Use as `async with SidecarWorld(server, istiod, namespace, [Service("reviews", ("v1", "v2"))]) as world:`.

    Raises network.Refused where the machine does not allow network namespaces.
    """

    def __init__(
        self,
        server: KubernetesServer,
        istiod: Istiod,
        namespace: str,
        services: Sequence[Service],
        clients: Sequence[str] = ("client",),
    ) -> None:
        self.namespace = namespace
        self.folder = Path(tempfile.mkdtemp(prefix="meshwright-traffic-"))
        self._server, self._istiod = server, istiod
        self._services, self._clients = {each.name: each for each in services}, list(clients)
        self._apps: dict[tuple[str, str], App] = {}
        self._pods: dict[str, Pod] = {}
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._logs: dict[str, Path] = {}
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def app(self, service: str, version: str = "v1") -> App:
        """The process behind a version of a service."""
        return self._apps[service, version]

    def pod(self, name: str) -> Pod:
        """The pod of a client, or of a version of a service, as `reviews-v1`."""
        return self._pods[name]

    def log(self, name: str, lines: int = 50) -> str:
        """The end of what a pod's sidecar has written: complaints and the access log."""
        return processes.tail(self._logs[name], lines)

    async def request(
        self,
        service: str,
        path: str = "/",
        *,
        client: str = "client",
        method: str = "GET",
        host: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request of a client to a service, through the client's sidecar."""
        port = self._services[service].port
        wanted = {"host": host or service, **(headers or {})}
        began = time.monotonic()
        url = f"http://{HOST}:{port}{path}"
        async with self._sessions[client].request(method, url, headers=wanted, allow_redirects=False) as response:
            text = await response.text()
        seconds = time.monotonic() - began
        answered = Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, text, seconds)
        if not response.content_type.endswith("json"):
            return answered
        told = json.loads(text)
        return msgspec.structs.replace(
            answered, service=told["service"], version=told["version"], received=told["headers"]
        )

    async def versions(self, service: str, times: int, **more: Any) -> Counter[str]:
        """How often each version answers."""
        return Counter([(await self.request(service, **more)).version for _ in range(times)])

    async def administration(self, name: str, path: str) -> str:
        """What the sidecar of a pod says of itself, such as `/config_dump` or `/stats`."""
        url = f"http://{HOST}:{sidecars.ADMINISTRATION}{path}"
        async with self._sessions[name].get(url) as response:
            return await response.text()

    async def _start(self) -> None:
        folder = self.folder
        self._open.callback(shutil.rmtree, folder, ignore_errors=True)
        objects = manifests.of(self.namespace, list(self._services.values()), self._clients)
        await asyncio.to_thread(self._apply, objects)
        self._pods = await eventually(self._found, timeout=_READY_S)
        network = await self._open.enter_async_context(PodNetwork.open(folder))
        authority = pki.Authority(folder, "mesh-ca")
        for name, pod in self._pods.items():
            await network.add(pod.address)
            self._sessions[name] = await self._open.enter_async_context(_session(network, pod.address))
        for service in self._services.values():
            for version in service.versions:
                await self._serve(network, service, version)
        async with asyncio.TaskGroup() as group:
            for name, pod in self._pods.items():
                if name in self._clients or self._services[pod.labels["app"]].sidecar:
                    group.create_task(self._accompany(network, authority, name, folder))
        await eventually(self._all_answer, timeout=_READY_S)

    async def _serve(self, network: PodNetwork, service: Service, version: str) -> None:
        app = self._apps[service.name, version] = App(service.name, version)
        pod = self._pods[f"{service.name}-{version}"]
        address = HOST if service.sidecar else pod.address
        await self._open.enter_async_context(app.serving(network, pod.address, address))

    async def _accompany(self, network: PodNetwork, authority: pki.Authority, name: str, folder: Path) -> None:
        running = sidecars.sidecar(network, self._istiod, authority, self._pods[name], folder)
        self._logs[name] = await self._open.enter_async_context(running)
        await eventually(lambda: self._is_ready(name), timeout=_READY_S)

    async def _is_ready(self, name: str) -> bool:
        return (await self.administration(name, "/ready")).strip() == "LIVE"

    async def _all_answer(self) -> bool:
        pairs = [(client, service) for client in self._clients for service in self._services]
        return all([(await self.request(service, client=client)).status == 200 for client, service in pairs])

    def _apply(self, objects: Sequence[Object]) -> None:
        with self._server.client() as client:
            Objects(client).apply(*objects)

    async def _found(self) -> dict[str, Pod]:
        """The pods of the world by name, as soon as all have addresses."""
        listed = await asyncio.to_thread(self._listed)
        found = {pod.labels[manifests.NAME]: pod for pod in map(_pod, listed) if manifests.NAME in pod.labels}
        wanted = len(self._clients) + sum(len(each.versions) for each in self._services.values())
        return found if len(found) == wanted and all(pod.address for pod in found.values()) else {}

    def _listed(self) -> list[Object]:
        with self._server.client() as client:
            return list(client.get(f"/api/v1/namespaces/{self.namespace}/pods").raise_for_status().json()["items"])


def _session(network: PodNetwork, address: str) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=32, socket_factory=lambda _: network.socket(address))
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=_ANSWER_S))


def _pod(body: Object) -> Pod:
    metadata = body["metadata"]
    return Pod(
        name=metadata["name"],
        namespace=metadata["namespace"],
        address=body["status"].get("podIP", ""),
        account=body["spec"].get("serviceAccountName", "default"),
        labels=metadata["labels"],
    )
