"""The demo mesh, created through the API as a user would.

Invariant: only the REST API is used; each step checks first and changes only what is missing, so repeating it on a
running stack changes nothing and takes milliseconds.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

import httpx

from meshwright.workers.local.home import LocalError
from meshwright.workers.local.output import Output
from meshwright.workers.shop import catalog

ADAPTER, CONNECTION, MESH = "envoy", "local", "demo"
WITHIN = 60.0
SETTLED_WITHIN = 5.0  # seconds for which a 404 for a new resource is retried
REJECTED_WITHIN = 10.0  # seconds for which a rejection by a sidecar is retried
EVERY = 0.1
T = TypeVar("T")
DONE = ("succeeded", "failed", "cancelled", "timed_out", "dead_lettered")


class Enrolling:
    """A client of one stack's API that creates the demo mesh. `check` raises when waiting is pointless."""

    def __init__(self, client: httpx.AsyncClient, output: Output, check: Callable[[], None]) -> None:
        self._client = client
        self._output = output
        self._check = check

    async def worker(self, pid: int) -> None:
        """Wait until the adapter's process of that pid has announced itself: a dead one may still be listed."""

        async def announced() -> bool | None:
            adapter = await self._get(f"/v1/adapters/{ADAPTER}") or {}
            pids = [instance.rsplit("-", 2)[-2:-1] for instance in adapter.get("instances", [])]
            return True if [str(pid)] in pids else None

        await self._until(announced, f"the worker of adapter {ADAPTER}")

    async def mesh(self) -> None:
        """Create the connection and the mesh if they are missing.

        Raises LocalError when the API or the adapter refuses.
        """
        body = {"id": CONNECTION, "kind": "envoy-fleet", "description": "Envoy sidecars on this machine"}
        if await self._get(f"/v1/connections/{CONNECTION}") is None:
            await self._send("PUT", f"/v1/connections/{CONNECTION}", body, **{"If-None-Match": "*"})
            await self._until(lambda: self._get(f"/v1/connections/{CONNECTION}"), "the connection")
        mesh = await self._get(f"/v1/meshes/{MESH}")
        if mesh is None or mesh["state"] not in ("ready", "degraded"):
            accepted = await self._send("POST", "/v1/meshes", {"id": MESH, "connection": CONNECTION, "kind": "envoy"})
            await self._operation(accepted, f"mesh {MESH}")
            await self._until(lambda: self._get(f"/v1/meshes/{MESH}"), f"mesh {MESH}")

    async def workloads(self, ports: Mapping[str, int]) -> None:
        """Enrol every workload of the shop at these ports."""
        present = {one["name"]: one for one in await self._list(f"/v1/workloads?mesh={MESH}")}
        known = {name: workload["port"] for name, workload in present.items()}
        missing = [keeper for keeper in catalog.KEEPERS if known.get(keeper.name) != ports[keeper.name]]
        if missing:
            body = {"workloads": _enrolled(missing, ports)}
            accepted = await self._send("POST", f"/v1/meshes/{MESH}/workloads", body)
            await self._operation(accepted, f"{len(missing)} workloads")

    async def sidecars(self) -> dict[str, int]:
        """Outbound ports by workload, once every sidecar has its configuration."""
        wanted = {keeper.name for keeper in catalog.KEEPERS}

        patience = time.monotonic() + REJECTED_WITHIN

        async def synced() -> list[dict[str, Any]] | None:
            proxies = await self._list(f"/v1/proxies?mesh={MESH}")
            good = [one for one in proxies if one["state"] == "synced" and one["details"].get("outbound_port")]
            bad = [f"{one['name']}: {one['error']}" for one in proxies if one["state"] == "rejected"]
            if bad and time.monotonic() > patience:
                raise LocalError(f"a sidecar rejects its configuration. {bad[0]}")
            return good if wanted <= {one["name"] for one in good} else None

        synced_proxies = await self._until(synced, "the sidecars")
        return {one["name"]: one["details"]["outbound_port"] for one in synced_proxies}

    async def settled(self, ports: Mapping[str, int]) -> None:
        """Wait until the worker answers previews, and the views hold all published events."""

        async def seen() -> bool | None:
            response = await self._client.get("/readyz")
            return True if response.is_success and response.json().get("behind") == 0 else None

        enrolled = {"workloads": _enrolled(catalog.KEEPERS, ports)}
        await self._send("POST", f"/v1/meshes/{MESH}/workloads?validate_only=true", enrolled)
        await self._until(seen, "the views")

    async def first_response(self, url: str) -> None:
        """Wait for one successful response of the shop's front through the mesh."""

        async def answered() -> bool | None:
            response = await self._client.get(url, headers={"Authorization": ""})  # the shop needs no token
            return True if response.is_success else None

        await self._until(answered, "the shop's first answer through the sidecars")

    async def _operation(self, accepted: dict[str, Any], what: str) -> None:
        path, shown = f"/v1/operations/{accepted['id']}", ""

        async def ended() -> dict[str, Any] | None:
            nonlocal shown
            operation = await self._get(path) or {}
            words = operation.get("progress") or ""
            if words and words != shown:
                shown = words
                self._output.part("demo", f"{what}: {words}")
            return operation if operation.get("state") in DONE else None

        operation = await self._until(ended, what)
        if operation["state"] != "succeeded":
            failure = operation.get("failure") or {}
            words = " ".join(failure.get(key, "") for key in ("what", "cause", "remedy"))
            raise LocalError(f"{what}: operation {accepted['id']} {operation['state']}. {words}")
        self._output.part("demo", f"{what}: done")

    async def _get(self, path: str) -> dict[str, Any] | None:
        async def answered() -> httpx.Response:
            return await self._client.get(path)

        response = await self._until(answered, f"an answer to GET {path}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return _body(response)

    async def _list(self, path: str) -> list[dict[str, Any]]:
        items = (await self._get(path) or {}).get("items", [])
        return list(items)

    async def _send(self, method: str, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        """Send the request until it succeeds, retrying while the adapter, or a resource that was just created, is not
        there yet.
        """
        headers["Idempotency-Key"] = uuid.uuid4().hex
        settled = time.monotonic() + SETTLED_WITHIN

        async def sent() -> dict[str, Any] | None:
            response = await self._client.request(method, path, json=body, headers=headers)
            too_early = response.status_code == httpx.codes.NOT_FOUND and time.monotonic() < settled
            if too_early or response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return None
            return _body(response)

        return await self._until(sent, f"{method} {path}")

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        deadline = time.monotonic() + WITHIN
        while True:
            try:
                if (result := await look()) is not None:
                    return result
            except httpx.TransportError:
                pass  # not there yet, or restarting
            self._check()
            if time.monotonic() > deadline:
                raise LocalError(f"{what} did not come within {WITHIN:.0f} s; `meshwright-local status` shows details")
            await asyncio.sleep(EVERY)


def _enrolled(keepers: Iterable[catalog.ServiceVersion], ports: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"name": keeper.name, "service": keeper.service, "version": keeper.version, "port": ports[keeper.name]}
        for keeper in keepers
    ]


def _body(response: httpx.Response) -> dict[str, Any]:
    if response.is_success:
        return dict(response.json()) if response.content else {}
    words = [response.text[:500]]
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        problem = response.json()
        places = [f"{one.get('pointer', '')}: {one.get('detail', '')}." for one in problem.get("errors", [])]
        words = [problem.get("title", ""), problem.get("detail", ""), *places, problem.get("remedy", "")]
    raise LocalError(f"{response.request.method} {response.request.url.path}: {' '.join(filter(None, words))}")
