"""Services with versions, and clients that call them through real sidecars: what a test of a mesh's effect needs.

Invariant: the cluster knows the same pods, addresses and accounts as the network does; the world ends with its block,
and its objects with their namespace.
"""

import asyncio
import contextlib
import json
import os
import signal as signals
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
import yarl

from meshwright.core.machine import processes
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import HOST
from testbed import pki
from testbed.cluster import KubernetesServer
from testbed.folders import TemporaryFolder
from testbed.istiod import Istiod
from testbed.objects import Object, Objects
from testbed.traffic import manifests, resolver, sidecars
from testbed.traffic.apps import PORT, App
from testbed.traffic.manifests import Service
from testbed.traffic.network import PodNetwork
from testbed.traffic.relays import Streams, dialled_inside, relayed
from testbed.traffic.sidecars import Pod

_READY_S = 90.0
_ANSWER_S = 60.0
OUTSIDE_PORT = 80
"""of hosts outside of the cluster"""
_AGENT = 15_020
"""where Istio's agent serves the statistics of its Envoy, and of the process beside it"""


class Answer(msgspec.Struct, frozen=True):
    """What a client got; `service`, `version` and `pod` are those of the pod that answered, empty where none did."""

    status: int
    headers: dict[str, str]
    text: str
    seconds: float
    service: str = ""
    version: str = ""
    pod: str = ""
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
        *,
        clients: Sequence[str] = ("client",),
        gateways: Sequence[str] = (),
        outside: Sequence[str] = (),
    ) -> None:
        """`gateways` are named as their label `istio`; `outside` are hosts that the cluster does not know."""
        self.namespace = namespace
        self._temporary = TemporaryFolder("meshwright-traffic-")
        self.folder = self._temporary.path
        self._server, self._istiod = server, istiod
        self._services, self._clients = {each.name: each for each in services}, list(clients)
        self._gateways, self._outside = list(gateways), {name: f"10.244.255.{n}" for n, name in enumerate(outside, 1)}
        self._apps: dict[str, App] = {}
        self._pods: dict[str, Pod] = {}
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._sidecars: dict[str, sidecars.Running] = {}
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
        return self._apps[f"{service}-{version}"]

    def process(self, pod: str) -> App:
        """The process in a pod of this name, as `reviews-v1`."""
        return self._apps[pod]

    def outside(self, host: str) -> tuple[str, int]:
        """The address and port of a host outside of the cluster; its process is `app(host)`."""
        return self._outside[host], OUTSIDE_PORT

    def pod(self, name: str) -> Pod:
        """The pod of a client or gateway, or of a version of a service, as `reviews-v1`."""
        return self._pods[name]

    def log(self, name: str, lines: int = 50) -> str:
        """The end of what a pod's sidecar has written: complaints and the access log."""
        return processes.tail(self._sidecars[name].log, lines)

    async def kill(self, name: str) -> None:
        """End the sidecar of a pod, while the pod goes on; returns when it has ended."""
        await self._network.end(self._sidecars[name].pid)

    def signal(self, name: str, number: signals.Signals) -> None:
        """Send a signal to the sidecar of a pod; a stopped one keeps its connections and says nothing."""
        os.kill(self._sidecars[name].pid, number)

    async def request(
        self,
        service: str,
        path: str = "/",
        *,
        client: str = "client",
        method: str = "GET",
        host: str = "",
        port: int = 0,
        gateway: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request to a service or host through the sidecar of a client.

        With `gateway` it goes there instead, past the sidecar, as from somebody outside of the mesh.
        """
        if gateway:
            at = f"{self._pods[gateway].address}:{port or 80}"
        else:
            at = f"{HOST}:{port or self._services[service].port}"
        wanted = {"host": host or service, **(headers or {})}
        began = time.monotonic()
        url = yarl.URL(f"http://{at}{path}", encoded=True)  # else its dots and escapes would be resolved here
        async with self._sessions[client].request(method, url, headers=wanted, allow_redirects=False) as response:
            text = await response.text()
        seconds = time.monotonic() - began
        answered = Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, text, seconds)
        if not response.content_type.endswith("json"):
            return answered
        told = json.loads(text)
        who = {"service": told["service"], "version": told["version"], "pod": told["name"]}
        return msgspec.structs.replace(answered, received=told["headers"], **who)

    async def versions(self, service: str, times: int, **more: Any) -> Counter[str]:
        """How often each version answers."""
        return Counter([(await self.request(service, **more)).version for _ in range(times)])

    async def administration(self, name: str, path: str) -> str:
        """What the sidecar of a pod says of itself, such as `/config_dump` or `/stats`."""
        url = f"http://{HOST}:{sidecars.ADMINISTRATION}{path}"
        async with self._sessions[name].get(url) as response:
            return await response.text()

    @contextlib.asynccontextmanager
    async def forwarded(self, name: str) -> AsyncIterator[None]:
        """Forwarding to a port of a pod leads to the administration of this pod's sidecar while the block runs.

        The nodes of the test bed have one place for the ports of all pods.
        """
        address = self._pods[name].address

        async def dial() -> Streams:
            return await dialled_inside(self._network, address, HOST, sidecars.ADMINISTRATION)

        async with relayed(self._server.forwarded_port, dial):
            yield

    async def _start(self) -> None:
        folder = self.folder
        self._open.callback(self._temporary.close)
        objects = manifests.of(self.namespace, list(self._services.values()), self._clients, self._gateways)
        await asyncio.to_thread(self._apply, objects)
        self._pods = await eventually(self._found, timeout=_READY_S)
        network = self._network = await self._open.enter_async_context(PodNetwork.open(folder))
        authority = pki.Authority(folder, "mesh-ca")
        for name, pod in self._pods.items():
            await network.add(pod.address)
            self._sessions[name] = await self._open.enter_async_context(_session(network, pod.address))
        for service in self._services.values():
            for name, version in service.pods.items():
                pod, app = self._pods[name], App(service.name, version, name)
                await self._serve(network, app, pod.address, HOST if service.sidecar else "")
                await self._forward(network, pod.address, PORT, PORT)
        for host, address in self._outside.items():
            await network.add(address)
            await self._serve(network, App(host, "v1"), address, port=OUTSIDE_PORT)
        async with asyncio.TaskGroup() as group:
            for name, pod in self._pods.items():
                owner = self._services.get(pod.labels["app"])
                if owner is None or owner.sidecar:
                    group.create_task(self._accompany(network, authority, name, folder))
        await eventually(self._all_answer, timeout=_READY_S)

    async def _serve(self, network: PodNetwork, app: App, pod: str, address: str = "", port: int = PORT) -> None:
        self._apps[app.name] = app
        await self._open.enter_async_context(app.serving(network, pod, address or pod, port))

    async def _forward(self, network: PodNetwork, address: str, port: int, own: int) -> None:
        """Let the API server reach a port of a pod, as any real one could."""
        path = self.folder / f"{address}:{port}"
        await self._open.enter_async_context(relayed(path, lambda: dialled_inside(network, address, address, own)))
        self._server.stand_for(port, path, address)
        self._open.callback(self._server.stand_down, port, address)

    async def _accompany(self, network: PodNetwork, authority: pki.Authority, name: str, folder: Path) -> None:
        names = resolver.serving(network, self._pods[name].address, self._outside)
        await self._open.enter_async_context(names)
        running = sidecars.sidecar(network, self._istiod, authority, self._pods[name], folder)
        self._sidecars[name] = await self._open.enter_async_context(running)
        await eventually(lambda: self._is_ready(name), timeout=_READY_S)
        for port in (_AGENT, sidecars.STATISTICS):
            await self._forward(network, self._pods[name].address, port, sidecars.STATISTICS)

    async def _is_ready(self, name: str) -> bool:
        return (await self.administration(name, "/ready")).strip() == "LIVE"

    async def _all_answer(self) -> bool:
        callers = [*self._clients, *(pod for each in self._services.values() if each.sidecar for pod in each.pods)]
        pairs = [(client, service) for client in callers for service in self._services]
        return all([(await self.request(service, client=client)).status == 200 for client, service in pairs])

    @contextlib.contextmanager
    def configured(self, *objects: Object) -> Iterator[None]:
        """Objects of the mesh, as a person applies them, are there while the block runs."""
        self._apply(objects)
        try:
            yield
        finally:
            with self._server.client() as client:
                Objects(client).delete(*objects)

    def _apply(self, objects: Sequence[Object]) -> None:
        with self._server.client() as client:
            Objects(client).apply(*objects)

    async def _found(self) -> dict[str, Pod]:
        """The pods of the world by name, as soon as all have addresses."""
        listed = await asyncio.to_thread(self._listed)
        pods = [self._pod(each) for each in listed if manifests.NAME in each["metadata"]["labels"]]
        result = {pod.labels[manifests.NAME]: pod for pod in pods}
        wanted = len(self._clients) + len(self._gateways) + sum(len(each.pods) for each in self._services.values())
        return result if len(result) == wanted and all(pod.address for pod in result.values()) else {}

    def _listed(self) -> list[Object]:
        with self._server.client() as client:
            return list(client.get(f"/api/v1/namespaces/{self.namespace}/pods").raise_for_status().json()["items"])

    def _pod(self, body: Object) -> Pod:
        metadata = body["metadata"]
        return Pod(
            name=metadata["name"],
            namespace=metadata["namespace"],
            address=body["status"].get("podIP", ""),
            account=body["spec"]["serviceAccountName"],
            labels=metadata["labels"],
            kind="router" if metadata["labels"]["app"] in self._gateways else "sidecar",
        )


def _session(network: PodNetwork, address: str) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=32, socket_factory=lambda _: network.socket(address))
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=_ANSWER_S))
