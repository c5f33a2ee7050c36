"""Whether a Prometheus can be read, and has what a mesh's traffic is read from.

Invariant: nothing is changed there, and what is wrong says what to do.
"""

from collections.abc import Sequence

import msgspec

from meshwright.core.kit import server_client
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.server_client import ServerClient
from meshwright.core.kit.traffic import prometheus
from meshwright.core.kit.traffic.meanings import Statistics
from meshwright.core.operations.outcomes import Reject, Retry, as_failure
from meshwright.core.security import ssrf
from meshwright.schemas.connections import ConnectionTest, Prometheus
from meshwright.schemas.errors import Failure, FieldError


class _Build(msgspec.Struct, frozen=True):
    version: str = ""


class _BuildInfo(msgspec.Struct, frozen=True):
    data: _Build = _Build()


async def try_prometheus(
    connection: OpenConnection[Prometheus], statistics: Sequence[Statistics], reachable: ssrf.Policy
) -> ConnectionTest:
    """What a test of a Prometheus answers: its version, and whose statistics it has of late."""
    settings = connection.settings
    try:
        client = await server_client.connect(settings, reachable, prometheus.headers(settings))
        reader = prometheus.PrometheusReader(statistics, client, connection.id, settings.matchers)
        try:
            version = await _version(client)
            measured = await reader.window()
        finally:
            await reader.close()
    except (Reject, Retry) as error:
        return ConnectionTest(ok=False, identity=_identity(settings), problems=[_problem(as_failure(error), "#/url")])
    problems = [_problem(measured.failure, "#/matchers")] if measured.failure else []
    return ConnectionTest(
        ok=not problems,
        identity=_identity(settings),
        version=version,
        problems=problems,
        details={"statistics": measured.source.statistics, "window_seconds": measured.seconds},
    )


async def _version(client: ServerClient) -> str:
    """Empty where it does not say: Thanos and others speak only the query API."""
    status, content = await client.request("GET", "/api/v1/status/buildinfo")
    try:
        return msgspec.json.decode(content, type=_BuildInfo).data.version if status == 200 else ""
    except msgspec.MsgspecError:
        return ""


def _identity(settings: Prometheus) -> str:
    return settings.username or ("bearer token" if settings.bearer_token else "")


def _problem(failure: Failure, pointer: str) -> FieldError:
    parts = (f"{failure.what}.", failure.cause, failure.remedy)
    return FieldError(detail=" ".join(part for part in parts if part), pointer=pointer, code=failure.code)
