"""Hostile paths, queries and headers at every route: each is answered as declared or refused with a typed problem."""

from typing import Any

import pytest

from rig.inputs import hostile

pytestmark = pytest.mark.servers
Target = Any
"""conftest.Target"""


@pytest.mark.parametrize("name", hostile.NAMES)
async def test_every_place_of_a_path(target: Target, name: str) -> None:
    """No name in a path reaches a file, another subject or another route, and none makes a header."""
    value = hostile.NAMES[name]
    requests = [
        (operation.method, operation.at(*(value if here == place else "d" for here in operation.places)))
        for operation in target.operations
        for place in operation.places
    ]
    for answer in await target.all(requests):
        assert b"root:" not in answer.body


async def test_every_parameter_of_a_query(target: Target) -> None:
    """A filter, an order or a page that is none is refused with its name; operators of databases are mere text."""
    requests = []
    for operation in target.operations:
        path = operation.fitting("d")
        for at, name in enumerate(operation.query):
            values = [value for index, value in enumerate(hostile.VALUES.values()) if (at + index) % 8 == 0]
            requests += [(operation.method, f"{path}?{name}={value}") for value in values]
        requests += [(operation.method, f"{path}?{text}") for text in hostile.PARAMETERS if operation.method == "GET"]
    await target.all(requests)


@pytest.mark.parametrize("header", hostile.HEADERS)
async def test_every_header(target: Target, header: str) -> None:
    """Preconditions, keys, positions and formats that are none are refused or ignored, on every route."""
    body = b"{}"
    requests = [
        (operation.method, operation.fitting("d"), [(header, value)], body)
        for at, operation in enumerate(target.operations)
        for index, value in enumerate(hostile.HEADERS[header])
        if (at + index) % 6 == 0
    ]
    await target.all([request[:3] if request[0] == "GET" else request for request in requests])
