"""Reasons for a missing preview: each is reported exactly, and an operation does not depend on having one."""

from typing import Any

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import serving
from meshwright.schemas.errors import Failure
from meshwright.ui_api.requests import previews

Harness = Any
DIFF = "/v1/designs/d:diff"
BODY = {"mesh": "m1", "design": {"id": "d"}}


class Requests:
    """Requests to workers, all of which end like this; `patience` is the time that the last one had."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.patience = 0.0

    async def ask(self, subject: str, payload: bytes, headers: Any, timeout: float) -> Any:
        """As `Bus.ask`."""
        self.patience = timeout
        raise self._error


async def test_a_worker_that_is_alive_is_called_slow(harness: Harness) -> None:
    """A slow worker is reported as alive, with its time-out and what is possible without a preview."""
    harness.mesh()
    harness.bus.ask = Requests(TimeoutError()).ask
    result = await harness.admin.problem("POST", DIFF, BODY, status=504, slug="adapter-slow")
    assert result["detail"] == "the trial worker did not answer preview within 21 s; the worker is alive"
    assert "operation itself" in result["remedy"] and "smaller design" in result["remedy"]
    assert "meshwright-adapter" not in result["remedy"]
    assert previews.PREVIEW_S > serving._TIMEOUT  # the worker has the first word on its own slowness


async def test_a_worker_that_vanished_while_it_was_asked_is_missing(harness: Harness) -> None:
    """When no worker announces itself any more, no answer is reported as no worker."""
    harness.mesh()

    class Vanishing(Requests):
        async def ask(self, *asked: Any, **more: Any) -> Any:
            harness.live_adapters.learn("trial.i", None)
            await super().ask(*asked, **more)

    harness.bus.ask = Vanishing(TimeoutError()).ask
    answer = await harness.admin.problem("POST", DIFF, BODY, status=503, slug="adapter-unavailable")
    assert "stopped announcing itself" in answer["detail"]


async def test_without_listeners_there_is_no_worker(harness: Harness) -> None:
    """What NATS itself says of a subject is believed at once."""
    harness.mesh()
    harness.bus.ask = Requests(mwbus.NoResponders("nobody")).ask
    await harness.admin.problem("POST", DIFF, BODY, status=503, slug="adapter-unavailable")


@pytest.mark.parametrize("error", [TimeoutError(), mwbus.BusUnavailable("closed")])
async def test_a_bus_that_is_away_is_no_missing_worker(harness: Harness, error: Exception) -> None:
    """When NATS does not answer either, it is the bus that is named."""
    harness.mesh()
    harness.bus.ask = Requests(error).ask
    harness.bus.failure = mwbus.BusUnavailable("no answer")
    result = await harness.admin.problem("POST", DIFF, BODY, status=503, slug="bus-unavailable")
    assert "meshwright-adapter" not in result["remedy"]


class Reply(msgspec.Struct):
    """What a worker sends back when it refuses."""

    payload: bytes
    headers: dict[str, str]


def refusing(harness: Harness, code: str) -> None:
    """From now on the worker refuses what it is asked."""
    failure = Failure(code="T1", what="it does not answer", remedy="Look at its log.")

    async def ask(*_: Any) -> Reply:
        return Reply(msgspec.json.encode(failure), {"Nats-Service-Error-Code": code})

    harness.bus.ask = ask


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/proxies/m1~~front/logs", None),
        ("GET", "/v1/proxies/m1~~front/account", None),
        ("GET", "/v1/workloads/m1~~process~front/logs", None),
        ("GET", "/v1/meshes/m1/intents", None),
        ("POST", "/v1/meshes/m1:import", {"id": "d"}),
        ("POST", "/v1/meshes/m1:analyze", {}),
        ("POST", DIFF, BODY),
    ],
)
async def test_what_does_not_answer_is_unavailable_and_what_is_not_there_is_not(
    harness: Harness, method: str, path: str, body: Any
) -> None:
    """A silent proxy, server or cluster is 503 with the worker's words, on every route that asks a worker; only what
    the worker refuses for good says that the request is wrong, or that nothing is there.
    """
    harness.mesh()
    refusing(harness, serving.DEPENDENCY)
    told = await harness.admin.problem(method, path, body, status=503, slug="target-unavailable")
    assert (told["detail"], told["remedy"]) == ("it does not answer", "Look at its log.")
    refusing(harness, serving.UNPROCESSABLE)
    gone = "/logs" in path or "/account" in path
    status, slug = (404, "not-found") if gone else (422, "invalid-document")
    await harness.admin.problem(method, path, body, status=status, slug=slug)


@pytest.mark.parametrize("verb", ["apply", "remove", "rollback"])
async def test_an_operation_waits_for_what_does_not_answer_and_is_refused_at_once_where_it_would_fail(
    harness: Harness, verb: str
) -> None:
    """A design that is not applied, a revision that is not kept: no operation begins that can only fail."""
    harness.mesh()
    await harness.admin.put("/v1/designs/d", {"id": "d"})
    body = {"mesh": "m1"} | ({"revision": 9} if verb == "rollback" else {})
    refusing(harness, serving.UNPROCESSABLE)
    await harness.admin.problem("POST", f"/v1/designs/d:{verb}", body, status=422, slug="invalid-document")
    refusing(harness, serving.DEPENDENCY)
    await harness.admin.post(f"/v1/designs/d:{verb}", body, expect=202)


async def test_workers_that_nats_does_not_let_us_hear_are_not_called_dead(harness: Harness) -> None:
    """With NATS away for so long that every announcement has expired, no operation is refused for want of a worker."""
    harness.mesh()
    harness.live_adapters._bus = harness.bus
    harness.live_adapters.learn("trial.i", None)
    noop = {"kind": "trial.noop", "mesh": "m1"}
    await harness.admin.problem("POST", "/v1/operations", noop, status=503, slug="adapter-unavailable")
    harness.bus.is_connected = False
    for method, path, body in (
        ("POST", "/v1/operations", noop),
        ("POST", DIFF, BODY),
        ("POST", "/v1/meshes", {"id": "m2", "connection": "place"}),
    ):
        await harness.admin.problem(method, path, body, status=503, slug="bus-unavailable")


async def test_what_the_bus_cannot_carry_is_too_large(harness: Harness) -> None:
    """A server that takes less in one message than the API does says so, with its limit."""
    harness.mesh()
    harness.bus.ask = Requests(mwbus.TooLarge("9 bytes exceed the limit of 1048576")).ask
    answer = await harness.admin.problem("POST", DIFF, BODY, status=413, slug="too-large")
    assert answer["detail"].endswith("the limit of 1048576")


@pytest.mark.parametrize("path", ["/v1/designs/d:apply", "/v1/operations"])
async def test_an_operation_is_accepted_without_a_preview_that_takes_too_long(harness: Harness, path: str) -> None:
    """The operation checks the same and has the time, so a slow preview delays its acceptance by seconds only."""
    harness.mesh()
    requests = Requests(TimeoutError())
    harness.bus.ask = requests.ask
    await harness.admin.put("/v1/designs/d", {"id": "d"})
    body: dict[str, Any] = {"mesh": "m1"}
    if path == "/v1/operations":
        body |= {"kind": "design.apply", "arguments": {"design": {"id": "d"}}}
    answer = await harness.admin.post(path, body, expect=202)
    assert answer.json()["kind"] == "design.apply"
    assert requests.patience <= 5
