"""The OpenAPI document says what the server enforces: what it calls valid is taken, what it calls invalid is refused.

Invariant: every route is tried with requests made from the document alone; what JSON Schema cannot say stands in
words in the document and, with its reason, in EXEMPT.
"""

import asyncio
import datetime
import json
import os
import re
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.routes import ALL
from rig.inputs import fuzzing, openapi_walk, schema_values
from rig.inputs.openapi_walk import Operation

Harness = Any
NAMES = ("m1", "place", "d")
DOCUMENT = json.loads(json.dumps(openapi.document(ALL, "test")))
OPERATIONS = [one for one in openapi_walk.operations(DOCUMENT) if one.role is not None]
BY_ID = {route.operation_id: route for route in ALL}
EXEMPT = {
    r"#/query/page_token: not a token of this list": "opaque: only what a page before gave out is one",
    r"#/query/\w+: in UTC a time must lie": "`info.description`",
    r"#.*: a whole number must fit in 64 bits": "free data holds any JSON: `info.description`",
    r"#.*: a key may not hold the character NUL": "free data: `info.description`",
    r"#.*: nested deeper than": "`info.description`",
    r"#/settings": "x-rules: typed by `kind`, and depends on the destinations that this server allows",
    r"#/values": "x-rules: as the adapter announces",
    r"#/arguments": "x-rules: typed by `kind` and the version that a live worker has",
    r"#/id: (must be '|the name `system` is reserved)": "x-rules: it is the one in the path",
    r"#/design/id: the path says": "x-rules: it is the one in the path",
    r"#/expires_at: ": "x-rules: depends on the time of day",
    r"#/query/since: must be in the past": "depends on the time of day",
    r"#/url: ": "x-rules: depends on where this server may call",
    r"#/from_event: event \d+ is older": "x-rules: depends on what is stored",
    r"#.*: there is no \w+ ": "depends on what is there",
    r"#/mesh: mesh .* belongs to": "x-rules: depends on what is there",
    r"#/kind: name the kind of mesh": "x-rules: depends on the connection",
    r"#.*: the weights add up to": "a sum: the description of TrafficSplit",
    r"#.*(is named|: a version appears) twice": "two that are equal in one of several fields",
}
"""Refusals of valid requests, by pointer and detail of each error: why no schema says them, and where words do."""
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
FORMATS = jsonschema.FormatChecker(formats=())
property_test = settings(
    max_examples=int(os.environ.get("DECLARED_EXAMPLES", "12")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)


class Request(msgspec.Struct, frozen=True):
    """A request as the document sees it: values by the name of their parameter, and the body."""

    operation: Operation
    path: dict[str, str]
    query: dict[str, Any]
    headers: dict[str, str]
    body: Any

    @property
    def url(self) -> str:
        return self.operation.at(*(quote(self.path[place], safe="") for place in self.operation.places))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query string: a list repeats its name."""
        items = []
        for name, value in self.query.items():
            items += [(name, _text(one)) for one in (value if isinstance(value, list) else [value])]
        return items


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@FORMATS.checks("date-time", ValueError)
def _is_moment(value: object) -> bool:
    if isinstance(value, str):
        if not RFC_3339.match(value):
            return False
        datetime.datetime.fromisoformat(value.upper().replace("Z", "+00:00"))
    return True


def exact(node: Any) -> Any:
    r"""The schema for Python's `re`, in which `$` also stands before a line break at the end."""
    if isinstance(node, list):
        return [exact(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: re.sub(r"\$\Z", r"\\Z", value) if key == "pattern" and isinstance(value, str) else exact(value)
        for key, value in node.items()
    }


COMPONENTS = exact(DOCUMENT["components"])


def fits(value: Any, schema: Any) -> bool:
    whole = {**exact(schema), "components": COMPONENTS}
    return bool(jsonschema.Draft202012Validator(whole, format_checker=FORMATS).is_valid(value))


def parameters(operation: Operation, where: str) -> dict[str, Any]:
    declared = DOCUMENT["paths"][operation.path][operation.method.lower()]["parameters"]
    return {one["name"]: one["schema"] for one in declared if one["in"] == where}


def valid(operation: Operation) -> st.SearchStrategy[Request]:
    """Requests that the document calls valid."""

    def made(schema: Any) -> st.SearchStrategy[Any]:
        return schema_values.values(DOCUMENT, schema, NAMES)

    path = {name: made(schema) for name, schema in parameters(operation, "path").items()}
    query = {
        name: made(schema)
        for name, schema in operation.query.items()
        if name not in ("min_seq", "min_event")  # which wait
    }
    headers = {
        name: made(schema) if "pattern" in schema else printable
        for name, schema in parameters(operation, "header").items()
    }
    body = st.none() if operation.body is None else made(operation.body)
    return st.builds(
        Request,
        st.just(operation),
        st.fixed_dictionaries(path),
        st.fixed_dictionaries({}, optional=query),
        st.fixed_dictionaries({}, optional=headers),
        body,
    )


@st.composite
def almost(draw: st.DrawFn, operation: Operation) -> Request:
    """A request with one part exchanged for anything."""
    request = draw(valid(operation))
    parts = ["query", "headers", *(["path"] if operation.places else []), *(["body"] * 4 if operation.body else [])]
    part = draw(st.sampled_from(parts))
    if part == "body":
        body = draw(fuzzing.altered(st.just(request.body)).filter(_is_json))
        return msgspec.structs.replace(request, body=body)
    known = list(getattr(request, part)) + (["unknown"] if part == "query" else [])
    if not known:
        return request
    anything = {
        "query": st.text(max_size=8) | st.sampled_from(["null", "1", "True", "2.0", "-1", str(2**63), "1e30", "a,b"]),
        "headers": printable,
        "path": st.text(st.characters(exclude_characters="/:.", exclude_categories=["Cs"]), min_size=1, max_size=70),
    }[part]
    changed = getattr(request, part) | {draw(st.sampled_from(known)): draw(anything)}
    return msgspec.structs.replace(request, **{part: changed})


def _is_json(value: Any) -> bool:
    try:
        return bool(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError):
        return False


def is_valid(request: Request) -> bool:
    """What the document says of it."""
    operation = request.operation
    values = [(request.path, parameters(operation, "path")), (request.headers, parameters(operation, "header"))]
    if any(not fits(value, schemas[name]) for taken, schemas in values for name, value in taken.items()):
        return False
    if set(request.query) - set(operation.query):
        return False
    for name, value in request.query.items():
        schema = operation.query[name]
        if not fits(_read(value, schema), schema):
            return False
    return operation.body is None or fits(request.body, operation.body)


def _read(value: Any, schema: Any) -> Any:
    """A parameter as a client reads it from a URL by its schema."""
    if schema.get("type") == "array" and isinstance(value, str):
        return [one for one in value.split(",") if one]
    if schema.get("type") in ("integer", "boolean", "number") and isinstance(value, str) and value == value.strip():
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def answered(harness: Harness, request: Request) -> httpx.Response:
    headers = {"Authorization": f"Bearer {harness.admin.token}", **request.headers}
    more: dict[str, Any] = {}
    if request.operation.body is not None:
        more["content"] = json.dumps(request.body)
        headers["Content-Type"] = "application/json"
    method, url = request.operation.method, request.url
    asked = harness.client.request(method, url, params=request.pairs, headers=headers, **more)
    answer: httpx.Response = asyncio.run(asked)
    return answer


def unexplained(answer: httpx.Response, operation: Operation) -> list[str]:
    """What the server says against a request and the document does not, in a schema or in words."""
    declared = DOCUMENT["paths"][operation.path][operation.method.lower()]
    items = []
    for complaint in complaints(answer):
        reason = next((reason for one, reason in EXEMPT.items() if re.match(one, complaint)), None)
        field = complaint.removeprefix("#/").partition(":")[0].partition("/")[0]
        if reason is None or (reason.startswith("x-rules") and f"`{field}`" not in str(declared.get("x-rules"))):
            items.append(complaint)
    return items


def complaints(answer: httpx.Response) -> list[str]:
    """What the server says against the request itself, as `pointer: detail`."""
    if answer.status_code not in (400, 415, 422) or answer.json()["type"].endswith(("unsupported-intent", "reused")):
        return []
    problem = answer.json()
    return [f"{one['pointer']}: {one['detail']}" for one in problem["errors"]] or [f"#: {problem['detail']}"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_what_the_document_calls_valid_is_taken(doors: type[Harness], operation: Operation) -> None:
    """A request that fits the document is refused for no reason that the document could have named."""

    @property_test
    @given(valid(operation))
    def holds(request: Request) -> None:
        harness = doors()
        harness.mesh()
        answer = answered(harness, request)
        assert unexplained(answer, operation) == [], answer.request.content

    holds()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_what_the_document_calls_invalid_is_refused(doors: type[Harness], operation: Operation) -> None:
    """A request with one odd part is refused when the document calls it invalid, and only then."""

    @property_test
    @given(almost(operation))
    def holds(request: Request) -> None:
        harness = doors()
        harness.mesh()
        answer = answered(harness, request)
        if is_valid(request):
            assert unexplained(answer, operation) == [], answer.request.content
        else:
            assert answer.status_code in (400, 404, 415, 422), (answer.status_code, answer.request.content)

    holds()


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body], ids=lambda one: one.id)
async def test_bodies_are_read_in_the_declared_formats(harness: Harness, operation: Operation) -> None:
    """A body is taken in each media type of the document and in no other, and may be missing where it is optional."""
    harness.mesh()
    declared = DOCUMENT["paths"][operation.path][operation.method.lower()]
    places = [openapi_walk.example(DOCUMENT, schema, {}) for schema in parameters(operation, "path").values()]
    body = json.dumps(openapi_walk.body(DOCUMENT, operation))

    async def sent(content: str, media_type: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {harness.admin.token}", "Content-Type": media_type}
        answer: httpx.Response = await harness.client.request(
            operation.method, operation.at(*places), content=content, headers=headers
        )
        return answer

    for media_type in (*operation.media_types, "application/json; charset=utf-8"):
        answer = await sent(body, media_type)
        assert answer.status_code not in (400, 415), answer.text
    for media_type in ("application/xml", "text/plain", "application/merge-patch+json"):
        assert (await sent(body, media_type)).status_code == 415
    empty = await sent("", "application/json")
    assert (empty.status_code == 400) == declared["requestBody"]["required"], empty.text
