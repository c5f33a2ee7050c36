"""Trying a connection: which Consul it is, and what its token may do there.

Invariant: nothing is changed. What the adapter needs is listed here: reading the catalog, health and config entries,
and writing entries of services, the mesh and intentions.
"""

from typing import Any

from meshwright.adapters.consul.cluster import rights
from meshwright.adapters.consul.control_plane.api import Api, headers
from meshwright.core import kit
from meshwright.core.kit.kubernetes.probing import try_connection
from meshwright.core.kit.server_client import ServerRefuses, ServerUnavailable, connect
from meshwright.schemas.connections import ConnectionTest, Consul, Permission
from meshwright.schemas.errors import FieldError

ANYTHING = "meshwright"
"""stands for any service where a permission is asked about"""
NEEDED = (
    ("agent", "", "read"),
    ("service", ANYTHING, "read"),
    ("service", ANYTHING, "write"),
    ("node", ANYTHING, "read"),
    ("intention", ANYTHING, "write"),
    ("mesh", "", "write"),
    ("operator", "", "read"),
)
"""resource, segment and access, as ACL rules name them"""


async def test(runtime: kit.Runtime, connection: kit.OpenConnection[Any]) -> ConnectionTest:
    """Which Consul or cluster is there, and whether we may do what the adapter does."""
    settings = connection.settings
    if not isinstance(settings, Consul):
        return await try_connection(connection, rights.RIGHTS)
    try:
        async with await connect(settings, runtime.connections.reachable, headers(settings)) as client:
            return await _tried(Api(client))
    except (ServerUnavailable, ServerRefuses, kit.Reject) as error:
        failure = error.failure
        assert failure is not None
        pointer = "#/token" if getattr(error, "status", 0) in (401, 403) else "#/url"
        detail = " ".join(part for part in (f"{failure.what}.", failure.remedy) if part)
        return ConnectionTest(ok=False, problems=[FieldError(detail=detail, pointer=pointer, code=failure.code)])


async def _tried(api: Api) -> ConnectionTest:
    agent = await api.get("/v1/agent/self")
    config: dict[str, Any] = (agent or {}).get("Config") or {}
    permissions = await _permissions(api)
    lacking = [each for each in permissions if not each.allowed]
    return ConnectionTest(
        ok=bool(config) and not lacking,
        identity=await _identity(api),
        version=str(config.get("Version", "")),
        permissions=permissions,
        problems=[FieldError(detail=f"may not {each.action}: {each.because}", pointer="#/token") for each in lacking],
        details={"datacenter": config.get("Datacenter", ""), "node": config.get("NodeName", "")},
    )


async def _permissions(api: Api) -> list[Permission]:
    """What the token may do; nothing is asked where the server has no ACLs."""
    asked = [{"Resource": resource, "Segment": segment, "Access": access} for resource, segment, access in NEEDED]
    answers = await api.authorized(asked)
    result = []
    for (resource, _, access), allowed in zip(NEEDED, answers, strict=False):
        because = "" if allowed else f"the token's policies do not say {resource} = {access}"
        result.append(Permission(action=f"{access} {resource}", allowed=allowed, because=because))
    return result


async def _identity(api: Api) -> str:
    token = await api.own_token()
    if token is None:
        return "anybody: this Consul asks for no token"
    return str(token.get("Description") or token.get("AccessorID") or "")
