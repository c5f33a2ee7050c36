"""How a shop service handles a request: it works for some time, calls other services, and answers with its name.

Invariant: another service is reached only through this workload's own sidecar, by its name in the Host header; the
request id, the user and the trace are propagated, so one visit can be traced and routed throughout.
"""

import asyncio
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from meshwright.workers.shop import catalog, serving

CARRIED = ("x-user", "traceparent", "tracestate")


@dataclass(frozen=True)
class Handler:
    """One workload of the shop."""

    trade: catalog.ServiceVersion
    layout: catalog.LayoutFile
    client: httpx.AsyncClient

    async def handle(self, request: serving.Request) -> serving.Answer:
        """Answer one request; 502 when a required service failed, 404 for an unknown path."""
        request_id = request.headers.get("x-request-id") or uuid.uuid4().hex
        own: dict[str, Any] = {
            "workload": self.trade.name,
            "service": self.trade.service,
            "version": self.trade.version,
            "path": request.path,
            "request_id": request_id,
        }
        if user := request.headers.get("x-user"):
            own["user"] = user
        calls = self.trade.paths.get(request.path)
        if calls is None:
            return 404, own | {"error": f"{self.trade.service} knows {', '.join(self.trade.paths)}"}
        await asyncio.sleep(self._work())
        carried = {name: request.headers[name] for name in CARRIED if name in request.headers}
        carried["x-request-id"] = request_id
        answers, status = [], 200
        for call in calls:
            code, answer = await self.ask(call.service, call.path, carried)
            answers.append(answer)
            if code >= 500 and call.required:
                status = 502
        return status, own | {"calls": answers}

    async def ask(self, service: str, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and response of another service, through this workload's sidecar."""
        port = self.layout.now().places[self.trade.name].outbound
        if port is None:
            return 503, {"service": service, "status": 503, "error": f"{self.trade.name} has no sidecar yet"}
        try:
            response = await self.client.get(f"http://127.0.0.1:{port}{path}", headers={**headers, "host": service})
        except httpx.HTTPError as error:
            return 503, {"service": service, "status": 503, "error": f"sidecar: {type(error).__name__}"}
        return response.status_code, _answer(service, response)

    def _work(self) -> float:
        """Seconds of work: mostly near the usual time, sometimes a few times that."""
        return self.trade.work / 1000 * random.lognormvariate(0, 0.4)


def _answer(service: str, response: httpx.Response) -> dict[str, Any]:
    """The other service's response; one that is not JSON came from a proxy, and its text is kept."""
    try:
        answer = dict[str, Any](response.json())
    except (ValueError, TypeError):
        answer = {"service": service, "error": response.text[:200]}
    return answer if response.is_success else {**answer, "status": response.status_code}
