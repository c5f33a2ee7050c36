"""Requests to the API server of a Kuma control plane.

Problem: Kuma answers 400 with each wrong field, and 405 where its store is Kubernetes or another control plane.
Invariant: what it refuses ends with its own words; what time may mend is tried again.
https://kuma.io/docs/latest/reference/http-api.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from meshwright.core import kit
from meshwright.core.kit.http_control_plane import servers_of
from meshwright.core.kit.kubernetes.installing.needs import plural
from meshwright.core.kit.server_client import ServerClient, ServerRefuses
from meshwright.schemas.connections import Kuma
from meshwright.schemas.errors import Failure

_PAGE = 1000
_LONGEST = 1500
_ALSO = (405,)


class Refused(kit.Reject):
    """Kuma does not do what was asked, and says why."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(Failure(code="MW5306", what=what[:_LONGEST], remedy=remedy))


class Api:
    """One control plane. Methods raise Refused, ServerRefuses, ServerUnavailable."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    async def get(self, path: str, **query: str) -> Any:
        """The decoded answer; None where there is no such thing."""
        status, content = await self._client.request("GET", path, params=query, also=_ALSO)
        return None if status == 404 else self._decoded(path, status, content)

    async def every(self, path: str) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.get(path, size=str(_PAGE), offset=str(len(found))) or {}
            items = answer.get("items") or []
            found += items
            if not items or not answer.get("next"):
                return found

    async def resource(self, mesh: str, kind: str, name: str) -> dict[str, Any] | None:
        """One resource of a mesh."""
        answer: dict[str, Any] | None = await self.get(_place(mesh, kind, name))
        return answer

    async def put(self, mesh: str, kind: str, name: str, body: Mapping[str, Any]) -> None:
        """Write a resource."""
        data, headers = msgspec.json.encode(body), {"content-type": "application/json"}
        path = _place(mesh, kind, name)
        status, content = await self._client.request("PUT", path, data=data, headers=headers, also=_ALSO)
        self._decoded(f"{kind} {name}", status, content)

    async def delete(self, mesh: str, kind: str, name: str) -> None:
        """Remove a resource; one that is gone already is removed."""
        status, content = await self._client.request("DELETE", _place(mesh, kind, name), also=_ALSO)
        if status != 404:
            self._decoded(f"{kind} {name}", status, content)

    def _decoded(self, what: str, status: int, content: bytes) -> Any:
        if status >= 400:
            told = _words(content)
            remedy = "Correct the intent or the resource that Kuma names."
            if status == 405:
                remedy = "Connect to the control plane that keeps policies: the global one, or by Kubernetes."
            raise Refused(f"Kuma refuses {what}: {told}", remedy)
        try:
            return msgspec.json.decode(content) if content.strip() else {}
        except msgspec.DecodeError as error:
            raise ServerRefuses(f"the answer to {what} is not JSON: {error}", "Is the URL that of a Kuma?") from error


async def api_of(scope: kit.Scope | kit.ConnectionScope) -> Api:
    """The API of a mesh's or a connection's control plane. Raises Reject, ServerRefuses, BusUnavailable."""
    place = scope.mesh if isinstance(scope, kit.Scope) else scope
    return Api(await servers_of(scope.service).get(place.workspace, place.connection))


def headers(settings: Kuma) -> dict[str, str]:
    """What proves who we are."""
    return {"Authorization": f"Bearer {settings.token}"} if settings.token else {}


def _words(content: bytes) -> str:
    """A problem in Kuma's words, field by field."""
    try:
        problem = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return content.decode(errors="replace").strip()[:_LONGEST]
    if not isinstance(problem, dict):
        return str(problem)
    fields = [f"{each.get('field')}: {each.get('reason')}" for each in problem.get("invalid_parameters") or []]
    return "; ".join(fields) or f"{problem.get('title', '')} {problem.get('detail', '')}".strip()


def _place(mesh: str, kind: str, name: str) -> str:
    return f"/meshes/{quote(mesh, safe='')}/{plural(kind)}/{quote(name, safe='')}"
