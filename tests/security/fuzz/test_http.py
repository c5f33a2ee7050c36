"""A running API, tried with bytes that are hardly HTTP, and with requests made from its own document.

Invariant: it answers everything below 500 (or that a server is away, in so many words), as it declares, and lives on.
"""

import functools
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import msgspec
import pytest
from hypothesis import strategies as st

from rig.inputs import openapi_walk, schema_values
from rig.inputs.fuzzing import Target, altered, damaged, seconds, try_out
from rig.inputs.openapi_walk import Operation
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers
NAMES = ("place", "d", "none")
AWAY = ("adapter-unavailable", "not-yet-visible", "no-secret-key")
Request = tuple[Operation, tuple[str, ...], dict[str, Any], Any]


@pytest.fixture(scope="module")
def person(shared: Stack, workspace: str) -> Iterator[httpx.Client]:
    """An admin in a workspace with a connection and a design."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Meshwright-Workspace": workspace}
    with httpx.Client(base_url=shared.url, headers=headers, timeout=20) as client:
        yield client


def test_bytes_that_are_hardly_http(shared: Stack) -> None:
    """Whatever arrives at the port is answered or dropped, and the next request is answered as ever."""
    head = f"Host: a\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    seeds = [
        b"GET /v1/designs?page_size=1 HTTP/1.1\r\n" + head + b"\r\n",
        b"PUT /v1/designs/d HTTP/1.1\r\n" + head + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/operations HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
    words = [
        b"\r\n",
        b"\r",
        b"\n",
        b": ",
        b" ",
        b"\0",
        b"HTTP/1.0",
        b"Content-Length: 5\r\n",
        b"\t",
        b"%00",
        b"chunked",
    ]

    def knock(request: bytes) -> None:
        with socket.create_connection(("127.0.0.1", shared.port), timeout=30) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while part := connection.recv(65536):
                    answer += part
                    if b"text/event-stream" in answer:
                        break
            except ConnectionError:
                pass
        assert not answer.startswith(b"HTTP/1.1 5"), answer[:500]
        assert b"Traceback" not in answer

    try_out("bytes", Target(damaged(seeds, words), knock, (ConnectionError,)), seconds(2))
    assert httpx.get(f"{shared.url}/healthz").status_code == 200
    _nothing_unforeseen(shared)


def test_requests_made_from_the_document(shared: Stack, document: dict[str, Any], person: httpx.Client) -> None:
    """Requests that fit the document, or almost: every answer has a declared status, and the body that is declared."""
    operations = [one for one in openapi_walk.operations(document) if one.path != "/v1/events"]

    def ask(request: Request) -> None:
        operation, places, query, body = request
        path = operation.at(*(quote(place, safe="") or "-" for place in places))
        if operation.path.startswith("/v1/workspaces/") and operation.writes:
            path = f"{path}?validate_only=true"  # it is the one that the others need
        headers = {"If-Match": "*"}
        options: dict[str, Any] = {"params": query} if query else {}
        if body is not None:
            options["content"] = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        _conforms(document, operation, person.request(operation.method, path, headers=headers, **options))

    requests = st.sampled_from(operations).flatmap(functools.partial(_requests, document))
    try_out("documented requests", Target(requests, ask), seconds(3))
    _nothing_unforeseen(shared)


def _requests(document: dict[str, Any], operation: Operation) -> st.SearchStrategy[Request]:
    places = st.tuples(*(st.sampled_from(NAMES) | st.text(max_size=10) for _ in operation.places))
    fields = {
        name: schema_values.values(document, schema, NAMES).filter(lambda value: isinstance(value, str | int | bool))
        for name, schema in operation.query.items()
        if name not in ("min_seq", "min_event")  # which may wait
    }
    query = st.fixed_dictionaries({}, optional=fields)
    body: st.SearchStrategy[Any] = st.none()
    if operation.body is not None:
        fitting = schema_values.values(document, operation.body, NAMES)
        body = fitting | altered(fitting).filter(_is_json)
    return st.tuples(st.just(operation), places, query, body)


def _is_json(value: Any) -> bool:
    try:
        return bool(msgspec.json.encode(value))
    except (msgspec.MsgspecError, OverflowError, ValueError):
        return False


def _conforms(document: dict[str, Any], operation: Operation, answer: httpx.Response) -> None:
    where = f"{operation.id} {answer.request.url}: {answer.status_code} {answer.text[:800]}"
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code >= 500:
        assert answer.status_code == 503, where
        assert answer.json()["type"].removeprefix("/problems/") in AWAY, where
    if answer.status_code == 404 and operation.role is None:
        return
    assert str(answer.status_code) in operation.statuses, where
    if not answer.content:
        return
    assert media_type in operation.statuses[str(answer.status_code)], where
    if media_type.endswith("json"):
        _validator(document, operation, str(answer.status_code), media_type).validate(answer.json())


def _validator(document: dict[str, Any], operation: Operation, status: str, media_type: str) -> Any:
    declared = document["paths"][operation.path][operation.method.lower()]["responses"][status]
    schema = declared["content"][media_type].get("schema", {})
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


def _nothing_unforeseen(shared: Stack) -> None:
    log = shared.log("meshwright-api").read_text()
    assert "unhandled exception" not in log, log[-3000:]
    assert "Traceback" not in log, log[-3000:]
