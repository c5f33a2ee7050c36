"""The API's description of itself: valid, complete, stable."""

import httpx
import jsonschema
import pytest
from jsonschema import Draft202012Validator

from meshwright.schemas.errors import PROBLEM_TYPES
from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.routes import ALL
from rig.stack.stack import TOKEN, Stack

DOCUMENT = openapi.document(ALL, "test")


def test_every_reference_leads_somewhere() -> None:
    """Each $ref of the document names a schema that it holds."""
    collected = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                collected.add(node["$ref"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(DOCUMENT)
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert collected <= known
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_operation_ids_are_unique_and_every_route_is_documented() -> None:
    """A client can be generated: ids are unique, every route has a summary, and refusals are problem documents."""
    names = [route.operation_id for route in ALL]
    assert len(names) == len(set(names))
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            for status, response in operation["responses"].items():
                if int(status) >= 400 and operation["operationId"] != "getReadiness":
                    assert list(response["content"]) == ["application/problem+json"]


def test_every_kind_of_problem_is_a_known_one() -> None:
    """What a route declares as refusal exists."""
    for route in ALL:
        assert set(openapi.refusals(route)) <= set(PROBLEM_TYPES)


@pytest.mark.servers
async def test_the_pages_are_served(shared: Stack) -> None:
    """Documents and pages need no token, and every problem type has its page."""
    async with httpx.AsyncClient(base_url=shared.url) as client:
        served = (await client.get("/openapi.json")).json()
        assert served["paths"].keys() == DOCUMENT["paths"].keys()
        assert (await client.get("/asyncapi.json")).json()["asyncapi"].startswith("3.")
        page = (await client.get("/docs")).text
        assert all(route.operation_id in page for route in ALL)
        for slug, kind in PROBLEM_TYPES.items():
            assert kind.title.split("'")[0] in (await client.get(f"/problems/{slug}")).text


@pytest.mark.servers
async def test_answers_fit_their_schemas(shared: Stack) -> None:
    """What lists answer validates against what the document says."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=shared.url, headers=headers) as client:
        for route in ALL:
            if route.method == "GET" and "{" not in route.path and route.role is not None:
                answer = await client.get(route.path)
                assert answer.status_code == 200, (route.path, answer.text)
                operation = DOCUMENT["paths"][route.path]["get"]
                schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
                whole = {**schema, "components": DOCUMENT["components"]}
                jsonschema.validate(answer.json(), whole, cls=Draft202012Validator)
