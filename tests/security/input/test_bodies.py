"""Hostile documents at every route that takes one: refused with their place, or accepted and read back as they were."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec
import pytest

from meshwright.core.testing.eventually import eventually
from rig.inputs import hostile, openapi_walk
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers
Target = Any
"""conftest.Target"""
NUMBERS = (-1, 0, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 10**400, 1.5, -0.0, True)
JUNK: tuple[Any, ...] = (None, "", [], {}, [[]], {"$gt": ""}, "x" * 5_000)


def _taking(target: Target, media_type: str) -> list[Any]:
    return [operation for operation in target.operations if media_type in operation.media_types]


def _place(operation: Any) -> str:
    return str(operation.fitting("d"))


@pytest.mark.parametrize("name", hostile.JSONS)
async def test_json(target: Target, name: str) -> None:
    """Damage, depth, size, doubled keys and numbers that are none: no body is half understood."""
    operations = _taking(target, "application/json")
    assert len(operations) > 20
    await target.all([(one.method, _place(one), [], hostile.JSONS[name]) for one in operations])


@pytest.mark.parametrize("name", hostile.YAMLS)
async def test_yaml(target: Target, name: str) -> None:
    """Bombs, aliases, merge keys, tags and depth are refused at once, by every route that takes YAML."""
    operations = _taking(target, "application/yaml")
    assert operations
    headers = [("Content-Type", "application/yaml")]
    await target.all([(one.method, _place(one), headers, hostile.YAMLS[name]) for one in operations])


async def test_gzip_is_not_unpacked(target: Target) -> None:
    """A compressed body is refused for being one, whatever it would become."""
    headers = [("Content-Encoding", "gzip")]
    for answer in await target.all(
        [
            (one.method, _place(one), headers, hostile.JSONS["a gzip bomb"])
            for one in _taking(target, "application/json")
        ]
    ):
        assert answer.status == 415, answer.body
        assert answer.headers["accept-encoding"] == "identity"


async def test_every_field(target: Target) -> None:
    """Each field of each body with a value of another kind, size or sign."""
    requests: list[Any] = []
    for operation in _taking(target, "application/json"):
        whole = openapi_walk.body(target.document, operation, every_field=True)
        for at, changed in enumerate(_changed(whole)):
            if at % 8 == 0 or at < 40:
                requests.append((operation.method, _place(operation), [], msgspec.json.encode(changed)))
    assert len(requests) > 500
    await target.all(requests)


def _changed(whole: Any) -> Iterator[Any]:
    """The document with one value exchanged, for every place and every hostile value."""
    values = (*hostile.TEXTS, *NUMBERS, *JUNK)
    yield from (value for value in values if value != whole)
    if isinstance(whole, Mapping):
        for name, inner in whole.items():
            yield from ({**whole, name: changed} for changed in _changed(inner))
            yield {key: value for key, value in whole.items() if key != name}
            yield {**whole, f"{name}\0": inner}
    elif isinstance(whole, list) and whole:
        yield from ([changed, *whole[1:]] for changed in _changed(whole[0]))


@pytest.mark.parametrize("name", hostile.FREE)
async def test_what_is_accepted_is_read_back_equal(target: Target, shared: Stack, name: str) -> None:
    """Free data comes back as it was sent, by itself and in its list, or is refused before anything is stored."""
    body = {"value": hostile.FREE[name]}
    design = {"resources": [{"type": "a.B", "name": "r", "body": body}]}
    async with httpx.AsyncClient(base_url=shared.url, timeout=20) as client:
        person = Person(client, TOKEN, target.workspace)
        path = f"/v1/designs/free-{list(hostile.FREE).index(name)}"
        answer = await client.put(path, content=msgspec.json.encode(design), headers=_headers(person))
        if answer.status_code != 201:
            assert answer.status_code in (400, 422), answer.text
            return

        async def read() -> Any:
            return await person.get(path, params={"min_seq": answer.headers["meshwright-seq"]})

        result = await eventually(read)
        assert msgspec.json.encode(result["resources"][0]["body"]) == msgspec.json.encode(body)
        listed = (await person.get("/v1/designs"))["items"]
        assert result in listed


def _headers(person: Person) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {person.token}",
        "Meshwright-Workspace": person.workspace,
        "Content-Type": "application/json",
    }
