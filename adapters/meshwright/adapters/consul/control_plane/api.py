"""Requests to a Consul server.

Problem: Consul answers 500 when it is away, and also when an entry is not valid. Invariant: what it refuses ends with
its own words; what time may mend is tried again. https://developer.hashicorp.com/consul/api-docs.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from meshwright.core import kit
from meshwright.core.kit.http_control_plane import servers_of
from meshwright.core.kit.server_client import ServerClient, ServerRefuses, ServerUnavailable
from meshwright.schemas.connections import Consul
from meshwright.schemas.errors import Failure

TOKEN = "X-Consul-Token"
_ALSO = (403, 500)
_AWAY = ("No cluster leader", "rpc error", "No path to datacenter", "No known Consul servers", "leadership lost", "EOF")
_LONGEST = 1500
_GIVE = "Give its token a policy that allows it: `meshwright connections test` says what is lacking."


class Refused(kit.Reject):
    """Consul does not do what was asked, and says why."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(Failure(code="MW5306", what=what[:_LONGEST], remedy=remedy))


class Forbidden(ServerRefuses):
    """The token lacks a permission."""


class Api:
    """One server. Methods raise Refused, Forbidden, ServerRefuses, ServerUnavailable."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    async def get(self, path: str, **query: str) -> Any:
        """The decoded answer; None where there is no such thing."""
        status, content = await self._client.request("GET", path, params=query, also=_ALSO)
        if status == 404:
            return None
        return self._decoded(path, status, content)

    async def entry(self, kind: str, name: str) -> dict[str, Any] | None:
        """One config entry, as the servers have agreed on it."""
        answer: dict[str, Any] | None = await self.get(_place(kind, name), consistent="")
        return answer

    async def entries(self, kind: str) -> list[dict[str, Any]]:
        """All config entries of a kind, as the servers have agreed on them."""
        answer: list[dict[str, Any]] = await self.get(f"/v1/config/{kind}", consistent="") or []
        return answer

    async def put(self, body: Mapping[str, Any], index: str) -> bool:
        """Write a config entry whose index is still this one, 0 where it is not there yet; False: it is not."""
        status, content = await self._client.request(
            "PUT", "/v1/config", params={"cas": index}, data=msgspec.json.encode(body), also=_ALSO
        )
        return bool(self._decoded(f"{body['Kind']} {body.get('Name', '')}".strip(), status, content))

    async def delete(self, kind: str, name: str, index: str) -> bool:
        """Remove a config entry whose index is still this one; False: it is not."""
        status, content = await self._client.request("DELETE", _place(kind, name), params={"cas": index}, also=_ALSO)
        return bool(self._decoded(f"{kind} {name}", status, content))

    async def health(self) -> dict[str, Any]:
        """What autopilot thinks of the servers; it answers 429 when one of them is ill."""
        path = "/v1/operator/autopilot/health"
        status, content = await self._client.request("GET", path, also=(*_ALSO, 429))
        answer: dict[str, Any] = self._decoded(path, 200 if status == 429 else status, content)
        return answer

    async def authorized(self, asked: list[dict[str, str]]) -> list[bool]:
        """Which of these the token may do; empty where there are no ACLs."""
        status, content = await self._client.request(
            "POST", "/v1/internal/acl/authorize", data=msgspec.json.encode(asked), also=_ALSO
        )
        if _no_acls(status, content):
            return []
        return [bool(each["Allow"]) for each in self._decoded("whether it may", status, content)]

    async def own_token(self) -> dict[str, Any] | None:
        """The token that is used, without its secret; None where there are no ACLs."""
        status, content = await self._client.request("GET", "/v1/acl/token/self", also=_ALSO)
        if _no_acls(status, content):
            return None
        token: dict[str, Any] = self._decoded("who it is", status, content)
        return {key: value for key, value in token.items() if key != "SecretID"}

    def _decoded(self, what: str, status: int, content: bytes) -> Any:
        text = content.decode(errors="replace").strip()
        if status == 403:
            raise Forbidden(f"Consul does not allow it to this token ({what}): {text[:_LONGEST]}", _GIVE, 403)
        if status == 500 and any(each in text for each in _AWAY):
            raise ServerUnavailable(f"Consul cannot answer now: {text[:_LONGEST]}")
        if status >= 400:
            raise Refused(f"Consul refuses {what}: {text}", "Correct the intent or the resource that Consul names.")
        try:
            return msgspec.json.decode(content)
        except msgspec.DecodeError as error:
            raise ServerRefuses(f"the answer to {what} is not JSON: {error}", "Is the URL that of a Consul?") from error


async def api_of(scope: kit.Scope | kit.ConnectionScope) -> Api:
    """The API of a mesh's or a connection's server. Raises Reject, ServerRefuses, BusUnavailable."""
    if isinstance(scope, kit.Scope):
        return Api(await servers_of(scope.service).get(scope.mesh.workspace, scope.mesh.connection))
    return Api(await servers_of(scope.service).get(scope.workspace, scope.connection))


def headers(settings: Consul) -> dict[str, str]:
    """What proves who we are."""
    return {TOKEN: settings.token} if settings.token else {}


def _no_acls(status: int, content: bytes) -> bool:
    return status >= 400 and b"ACL support disabled" in content


def _place(kind: str, name: str) -> str:
    return f"/v1/config/{kind}/{quote(name, safe='')}"
