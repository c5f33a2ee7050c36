"""Trying a connection: which Kuma it is, who we are there, and whether policies can be written.

Invariant: nothing is changed.
"""

from meshwright.adapters.kuma.universal import status
from meshwright.adapters.kuma.universal.api import Api, headers
from meshwright.core import kit
from meshwright.core.kit.server_client import ServerRefuses, ServerUnavailable, connect
from meshwright.schemas.connections import ConnectionTest, Kuma
from meshwright.schemas.errors import FieldError


async def test(runtime: kit.Runtime, connection: kit.OpenConnection[Kuma]) -> ConnectionTest:
    """Which Kuma is there, and who the token says that we are."""
    settings = connection.settings
    try:
        async with await connect(settings, runtime.connections.reachable, headers(settings)) as client:
            api = Api(client)
            about, who = await status.plane(api), await api.get("/who-am-i") or {}
            names = await status.meshes(api)
    except (ServerUnavailable, ServerRefuses, kit.Reject) as error:
        failure = error.failure
        assert failure is not None
        pointer = "#/token" if getattr(error, "status", 0) in (401, 403) else "#/url"
        detail = " ".join(part for part in (f"{failure.what}.", failure.remedy) if part)
        return ConnectionTest(ok=False, problems=[FieldError(detail=detail, pointer=pointer, code=failure.code)])
    return ConnectionTest(
        ok=True,
        identity=str(who.get("name") or ""),
        version=status.release(about),
        details={"meshes": names, "groups": who.get("groups") or [], "instance": about.get("instanceId", "")},
    )
