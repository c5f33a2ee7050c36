"""Bodies and keys: read whole and as they were meant, or refused, whatever is sent to whichever route."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from meshwright.ui_api.http import bodies
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.routing import NoBody
from meshwright.ui_api.requests import accepting
from meshwright.ui_api.routes import ALL

Harness = Any
WITH_BODY = [route for route in ALL if route.body is not NoBody]
FORMATS = ["application/json", "application/yaml", "text/plain", "", "APPLICATION/JSON; charset=utf-8"]
few = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def with_doubled_key(value: Any, key: str) -> str:
    """JSON in which the innermost first object that can be reached has one key twice."""
    if isinstance(value, dict):
        inner = [
            f"{msgspec.json.encode(name).decode()}:{msgspec.json.encode(one).decode()}" for name, one in value.items()
        ]
        twice = msgspec.json.encode(key).decode()
        return "{" + ",".join([f"{twice}:1", *inner, f"{twice}:1"]) + "}"
    return f"[{msgspec.json.encode(value).decode()},{with_doubled_key({}, key)}]"


@given(plain)
def test_json_is_read_as_it_is(value: Any) -> None:
    """Looking for repeated keys changes nothing of what is read."""
    assert bodies._json(msgspec.json.encode(value)) == value


async def test_a_body_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busily it drips, a body that has not come in time is refused, and its connection ends."""
    monkeypatch.setattr(bodies, "_BODY_S", 0.05)

    async def drip() -> dict[str, Any]:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": b"a", "more_body": True}

    with pytest.raises(Refusal) as caught:
        await bodies.read(Request({"type": "http", "headers": []}, drip))
    assert (caught.value.slug, caught.value.headers["Connection"]) == ("request-timeout", "close")


@pytest.mark.parametrize(
    ("headers", "fine"),
    [
        ({"content-length": str(bodies.MAX_BODY), "expect": "100-continue"}, True),
        ({"content-length": str(bodies.MAX_BODY + 1), "expect": "100-Continue"}, False),
        ({"content-length": str(10**15)}, False),
        ({}, True),
    ],
)
async def test_what_is_announced_as_too_large_is_not_waited_for(headers: dict[str, str], fine: bool) -> None:
    """With Expect: 100-continue a client is not asked to send more than the limit, whatever it announces."""
    asked = 0

    async def whole() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"{}", "more_body": False}

    request = Request({"type": "http", "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}, whole)
    if fine:
        assert await bodies.read(request) == b"{}"
        return
    with pytest.raises(Refusal) as caught:
        await bodies.read(request)
    assert (caught.value.slug, asked) == ("too-large", 0)


@given(plain, names)
def test_a_key_given_twice_is_refused_as_in_yaml(value: Any, key: str) -> None:
    """JSON does not silently lose one of two equal keys: nothing that was sent is dropped."""
    with pytest.raises(Refusal) as caught:
        bodies._json(with_doubled_key(value, key).encode())
    assert "given twice" in caught.value.detail
    assert caught.value.errors


def test_numbers_of_any_length_are_no_defect() -> None:
    """Thousands of digits are a number that is too large, or none, not a crash."""
    for text in (b"1" * 10_000, b"1." + b"1" * 10_000, b"1e99999"):
        try:
            bodies._json(b'{"a": %b}' % text)
        except Refusal as error:
            assert error.slug == "invalid-request"


@few
@given(route=st.sampled_from(WITH_BODY), content=st.binary(max_size=60) | plain.map(msgspec.json.encode), how=st.data())
async def test_any_body_for_any_route_is_answered_in_the_routes_words(
    doors: type[Harness], route: Any, content: bytes, how: st.DataObject
) -> None:
    """No bytes in no format break a route: what it cannot use is refused as a problem that its document names."""
    harness = doors()
    harness.mesh()
    media_type = how.draw(st.sampled_from(FORMATS))
    headers = {"Content-Type": media_type} if media_type else {}
    path = route.path.replace("{id}", "m1").replace("{name}", "a")
    answer = await harness.admin.client.request(
        route.method, path, content=content, headers={"Authorization": f"Bearer {harness.admin.token}", **headers}
    )
    assert answer.status_code != 500, answer.text
    if answer.status_code >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["trace_id"] == answer.headers["x-request-id"]
        if problem["type"] in ("/problems/invalid-request", "/problems/invalid-document"):
            assert all(error["pointer"].startswith("#") for error in problem["errors"])
            assert problem["errors"], problem
    assert harness.undeclared == []


@pytest.mark.parametrize("verb", ["validate", "diff", "translate"])
async def test_a_design_inside_a_body_is_pointed_into_as_it_was_sent(harness: Harness, verb: str) -> None:
    """Complaints about a design in a request lead into the request, not into the design alone."""
    harness.mesh()
    wrong = {"id": "d", "intents": [{"intent": "timeout", "service": "a", "timeout": "0s"}]}
    body = {"mesh": "m1", "design": wrong}
    answer = await harness.admin.ask("POST", f"/v1/designs/d:{verb}", body, expect=200 if verb == "validate" else 422)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/design/intents/0/timeout"]
    mistyped = {"mesh": "m1", "design": {"id": "d", "intnts": []}}
    result = await harness.admin.problem("POST", f"/v1/designs/d:{verb}", mistyped, status=422, slug="invalid-document")
    assert [error["pointer"] for error in result["errors"]] == ["#/design/intnts"]


async def test_a_version_before_the_first_is_a_mistake_of_the_caller(harness: Harness) -> None:
    """A negative version is refused with its pointer, instead of being reported as an outage of the bus."""
    harness.mesh()
    body = {"mesh": "m1", "version": -1}
    answer = await harness.admin.problem("POST", "/v1/designs/d:diff", body, status=422, slug="invalid-document")
    assert [error["pointer"] for error in answer["errors"]] == ["#/version"]


async def test_the_reserved_workspace_is_refused_at_its_name(harness: Harness) -> None:
    """The name that Meshwright keeps for itself is a mistake in the document, with its place."""
    answer = await harness.admin.problem("PUT", "/v1/workspaces/system", {}, status=422, slug="invalid-document")
    assert [error["pointer"] for error in answer["errors"]] == ["#/id"]


printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=256)


@given(printable)
def test_a_key_in_quotes_is_the_key(key: str) -> None:
    """Any printable key written as a structured string (RFC 8941) is read back as it was, whatever it holds."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert accepting.idempotency_key(f'"{escaped}"') == key


@given(st.text(max_size=300))
def test_a_key_is_read_or_refused_with_its_header(header: str) -> None:
    """A header is 1 to 256 printable ASCII characters, is empty, or is refused by its name; nothing else is raised."""
    try:
        key = accepting.idempotency_key(header)
    except Refusal as error:
        assert error.slug == "invalid-request"
        assert error.errors[0].pointer == "#/header/Idempotency-Key"
        return
    assert bool(key) == bool(header.strip(" \t"))
    assert len(key) <= 256
    assert key.isascii()
    assert not key or key.isprintable()
