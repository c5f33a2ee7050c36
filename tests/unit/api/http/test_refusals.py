"""Refusals: whatever goes wrong behind the harness, the answer is a problem that says what to do, and nothing else."""

from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.schemas.base import ULID_PATTERN
from meshwright.schemas.errors import PROBLEM_TYPES
from meshwright.schemas.workloads import ENTITY_PATTERN
from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.http.routing import NoBody
from meshwright.ui_api.live.streaming import Client, EventFilter
from meshwright.ui_api.routes import ALL

Harness = Any
GUARDED = [route for route in ALL if route.role is not None]
PATHS = sorted(openapi.document(ALL, "test")["paths"].items())
AWAY = mwbus.BusUnavailable("no acknowledgement from nats://secret-host")


BODIES = {
    "adoptMesh": {"id": "m2", "connection": "place", "kind": "trial"},
    "analyzeFiles": {"files": [{"name": "a.yaml", "content": ""}]},
    "importFiles": {"files": [{"name": "a.yaml", "content": ""}]},
    "createMesh": {"id": "m2", "connection": "place", "kind": "trial"},
    "createToken": {"id": "t", "role": "viewer"},
    "enrolWorkloads": {"workloads": [{"name": "a", "service": "a", "port": 80}]},
    "putConnection": {"kind": "envoy-fleet"},
    "putWebhook": {"url": "https://hooks.test/"},
    "replayWebhook": {"failed": True},
    "restoreDesign": {"version": 1},
    "withdrawMembers": {"members": [{"member": "process", "name": "a"}]},
    "startOperation": {"kind": "trial.noop", "mesh": "m1"},
}
"""what a route needs beside the mesh"""
TAKE_A_MESH = {"applyDesign", "diffDesign", "removeDesign", "rollbackDesign", "translateDesign", "validateDesign"}
FROM_MEMORY = {
    "listWorkspaces", "listTokens", "getPrincipal", "listFindingRules", "getFindingRule", "getSession", "signOut",
}  # fmt: skip
"""what is answered from memory, whatever is away"""


def filled(route: Any) -> str:
    """The path of a route with something that fits in the places of its parameters."""
    result = str(route.path).replace("/v1/adapters/{id}:", "/v1/adapters/trial:")  # one that is alive
    result = result.replace("/v1/proxies/{id}", "/v1/proxies/m1~a")  # a proxy has no kind
    for place, pattern in route.patterns().items():
        result = result.replace(f"{{{place}}}", OF_PATTERN.get(pattern) or FITTING.get(place, "m1"))
    return result


FITTING = {"code": "MW3101", "version": "1", "revision": "1", "slug": "stale"}
OF_PATTERN = {ULID_PATTERN: "0" * 26, "^[0-9]{1,18}$": "1", ENTITY_PATTERN: "m1~~process~a"}


def request(route: Any) -> dict[str, Any]:
    """A body that fits, for a route that takes one."""
    if route.body is NoBody:
        return {}
    return {"json": {"mesh": "m1"} if route.operation_id in TAKE_A_MESH else BODIES.get(route.operation_id, {})}


@pytest.mark.parametrize("path", [path for path, _ in PATHS])
async def test_the_allow_header_lists_every_method(harness: Harness, path: str) -> None:
    """405 and OPTIONS name the methods that the document has for that very path, a verb's path too, and no other."""
    declared = {method.upper() for method in dict(PATHS)[path]}
    url = filled(next(route for route in ALL if route.path == path))
    result = await harness.admin.problem("PATCH", url, status=405, slug="method-not-allowed")
    assert "Allow header" in result["remedy"]
    for method, expect in (("PATCH", 405), ("OPTIONS", 204)):
        answer = await harness.admin.ask(method, url, expect=expect)
        allowed = answer.headers["allow"].split(", ")
        assert sorted(allowed) == sorted(declared | {"OPTIONS"} | ({"HEAD"} if "GET" in declared else set()))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_verb_that_no_resource_has_is_not_found(harness: Harness, method: str) -> None:
    """A path that looks like a verb and is none is 404 for every method, not a resource of that odd name."""
    await harness.admin.problem(method, "/v1/designs/d:bless", status=404, slug="not-found")


@pytest.mark.parametrize("route", GUARDED, ids=lambda one: one.operation_id)
async def test_a_defect_is_reported_without_its_inside(harness: Harness, route: Any) -> None:
    """An unhandled exception is a problem document with the trace id, and says nothing of the program."""
    harness.mesh()
    harness.break_down(RuntimeError("the password is hunter2"))
    headers = {"Authorization": f"Bearer {harness.admin.token}", "Idempotency-Key": "k"}
    answer = await harness.client.request(route.method, filled(route), headers=headers, **request(route))
    assert "hunter2" not in answer.text
    if route.operation_id in FROM_MEMORY:
        assert answer.status_code == route.status
        return
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    result = answer.json()
    assert (result["type"], result["detail"]) == ("/problems/internal", "")
    assert result["trace_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("route", GUARDED, ids=lambda one: one.operation_id)
async def test_an_outage_is_reported_by_every_route_in_its_own_words(harness: Harness, route: Any) -> None:
    """Without bus and database a route answers from memory or says which of them is away; never with a defect."""
    harness.mesh()
    harness.break_down(AWAY, store.StoreUnavailable("could not reach mongodb://secret-host"))
    headers = {"Authorization": f"Bearer {harness.admin.token}", "Idempotency-Key": "k"}
    answer = await harness.client.request(route.method, filled(route), headers=headers, **request(route))
    assert "secret-host" not in answer.text
    if route.operation_id in FROM_MEMORY:
        assert answer.status_code == route.status
        return
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] in ("/problems/bus-unavailable", "/problems/store-unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("failure", "status", "slug", "wait"),
    [
        (AWAY, 503, "bus-unavailable", "1"),
        (mwbus.BusFull("the stream is full"), 503, "bus-unavailable", "10"),
        (mwbus.Rewound("went back"), 503, "bus-unavailable", "1"),
        (store.StoreUnavailable("gone"), 503, "store-unavailable", "1"),
        (store.NotYetVisible("STATE", 9, 3), 504, "not-yet-visible", "1"),
        (store.InvalidCursor("not a cursor"), 400, "invalid-request", None),
        (store.UnknownField("no such field"), 400, "invalid-request", None),
    ],
)
async def test_each_failure_behind_has_its_words_and_its_patience(
    harness: Harness, failure: Exception, status: int, slug: str, wait: str | None
) -> None:
    """Each error of bus and store has its kind of refusal and, where a retry helps, its pause."""
    harness.views.failure = failure
    result = await harness.admin.problem("GET", "/v1/deadletters/x", status=status, slug=slug)
    assert result["remedy"]
    answer = await harness.admin.ask("GET", "/v1/deadletters/x", expect=status)
    assert answer.headers.get("retry-after") == wait
    if isinstance(failure, mwbus.BusFull):
        assert "MESHWRIGHT_STREAMS_GIB" in result["remedy"]


async def test_too_many_streams_are_refused_with_a_retry_time(harness: Harness) -> None:
    """The bound on open event streams is a 429 with Retry-After, and the one that is refused takes no place."""
    most = harness.api.streams.all
    harness.api.hub.clients.update(Client(EventFilter(workspace=f"w{number}"), "", "") for number in range(most))
    headers = {"Accept": "text/event-stream"}
    await harness.admin.problem("GET", "/v1/events", status=429, slug="too-many-requests", **headers)
    answer = await harness.admin.ask("GET", "/v1/events", expect=429, **headers)
    assert int(answer.headers["retry-after"]) >= 1
    assert len(harness.api.hub.clients) == most


async def test_a_stream_that_cannot_begin_is_an_outage_and_takes_no_place(harness: Harness) -> None:
    """While the bus is unavailable a client gets a refusal at once, also one that has read more than the ring
    contains.
    """
    hub = harness.api.hub
    hub._started.set()
    hub.first = 1
    harness.bus.failure = AWAY
    client = Client(EventFilter(workspace="default"), "", "")
    with pytest.raises(mwbus.BusUnavailable):
        await hub.opened(client, 50, timeout=0.05)
    hub._started.clear()
    with pytest.raises(mwbus.BusUnavailable):
        await hub.opened(client, None, timeout=0.05)
    assert hub.clients == set()


async def test_a_piece_of_payload_that_cannot_be_is_a_mistake_of_the_caller(harness: Harness) -> None:
    """NUL in a search is refused by its parameter, instead of being reported as an outage of the database."""
    answer = await harness.admin.problem("GET", "/v1/events?text=%00", status=400, slug="invalid-request")
    assert [error["pointer"] for error in answer["errors"]] == ["#/query/text"]


async def test_the_log_takes_the_beginning_of_a_type_like_the_stream(harness: Harness) -> None:
    """`type` is a wire name or its beginning up to a dot, wherever it is given; an unknown one is kept as it is."""
    params = {"type": "dev.meshwright.operation,com.example.odd"}
    await harness.admin.get("/v1/events", params=params)
    [asked] = harness.views.asked
    wanted = asked["where"]["type"]
    assert {"dev.meshwright.operation.failed.v1", "dev.meshwright.operation.accepted.v1"} < set(wanted)
    assert "com.example.odd" in wanted
    assert not [one for one in wanted if one.startswith("dev.meshwright.mesh")]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("operation=A,B", ["A", "B"]),
        ("operation=A,B&id=B,C", ["B"]),
        ("operation=A&entity=operation", ["A"]),
        ("operation=A&id=B", None),
        ("operation=A&entity=mesh", None),
    ],
)
async def test_filters_of_the_log_are_joined_like_those_of_the_stream(
    harness: Harness, query: str, ids: list[str]
) -> None:
    """Several filters mean all of them: an operation that another filter excludes is not shown."""
    answer = await harness.admin.get(f"/v1/events?{query}")
    assert answer == {"items": [], "next_page_token": ""}
    assert [asked["where"]["id"] for asked in harness.views.asked] == ([ids] if ids else [])


async def test_a_page_token_is_bound_to_its_filters_whatever_they_hold(harness: Harness) -> None:
    """No value of one filter can pass for another filter: the token of one list is refused by the other."""
    harness.views.cursor = "somewhere"
    token = (await harness.admin.get("/v1/workloads", params={"service": "a&version=b"}))["next_page_token"]
    again = {"service": "a&version=b", "page_token": token}
    await harness.admin.get("/v1/workloads", params=again)
    other = {"service": "a", "version": "b", "page_token": token}
    await harness.admin.problem("GET", "/v1/workloads", params=other, status=400, slug="invalid-request")


def test_problems_that_name_places_say_so() -> None:
    """The kinds whose explanation promises `errors` are the two that tests hold to it (see test_bodies)."""
    told = {slug for slug, kind in PROBLEM_TYPES.items() if "`errors`" in kind.explanation}
    assert told == {"invalid-request", "invalid-document"}


async def test_a_name_that_cannot_be_one_is_reported_as_missing(harness: Harness) -> None:
    """A path with a name that nothing can have is 404 in words that people understand."""
    places = {"/v1/meshes/No-Such": "mesh", "/v1/operations/nope": "operation", "/v1/deadletters/no": "dead letter"}
    for path, what in places.items():
        answer = await harness.admin.problem("GET", path, status=404, slug="not-found")
        assert answer["detail"] == f"there is no {what} {path.rpartition('/')[2]!r} in this workspace"
