"""An attacker with an admin token, and a check that everything still works."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
import pytest

from meshwright.schemas.errors import PROBLEM_TYPES
from rig.inputs import openapi_walk, raw_http
from rig.inputs.raw_http import Answer, Pair
from rig.stack.stack import TOKEN, Stack

_AT_ONCE = 8
_LONGEST_REFUSAL = 64 * 1024
"""bytes; a refusal does not give back what it was sent"""
_UNAVAILABLE = {"adapter-unavailable", "not-yet-visible"}
"""what is no failure of the server's"""


class Target:
    """The API as an attacker with an admin token uses it. `asked` counts requests."""

    def __init__(self, stack: Stack, document: dict[str, Any], workspace: str) -> None:
        self.document = document
        self.operations = openapi_walk.operations(document)
        self.workspace = workspace
        self.asked = 0
        self._stack = stack
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, method: str, target: str, headers: Iterable[Pair] = (), body: bytes = b"") -> Answer:
        """One request, whose answer is what was asked for or a typed refusal."""
        usual = {"Authorization": f"Bearer {TOKEN}", "Meshwright-Workspace": self.workspace}
        mine = {name for name, _ in headers}
        sent = [*headers, *((name, value) for name, value in usual.items() if name not in mine)]
        if body and "Content-Type" not in mine:
            sent.append(("Content-Type", "application/json"))
        async with self._slots:
            self.asked += 1
            answer = await raw_http.ask(self._stack.port, method, target, sent, body)
        check(answer, f"{method} {target[:200]} {str(headers)[:200]} {body[:100]!r}")
        return answer

    async def all(self, requests: Iterable[tuple[Any, ...]]) -> list[Answer]:
        """Many requests, some at a time."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.ask(*request)) for request in requests]
        return [task.result() for task in tasks]

    async def still_works(self) -> None:
        """Every list answers, and nothing in the server ended in an unhandled exception."""
        lists = [one for one in self.operations if one.role and not one.writes and not one.places]
        for answer in await self.all([("GET", one.path) for one in lists]):
            assert answer.status == 200, answer.body
        log = self._stack.log("meshwright-api").read_text()
        assert "unhandled exception" not in log, log[-3000:]
        assert "Traceback" not in log, log[-3000:]


def check(answer: Answer, request: str) -> None:
    """An answer is no failure, is a problem of the contract when it is a refusal, and says nothing of others'."""
    where = f"{request}\n-> {answer.status} {answer.headers} {answer.body[:600]!r}"
    assert 200 <= answer.status < 600, where
    assert "x-evil" not in answer.headers, where
    assert answer.headers.get("x-content-type-options") == "nosniff", where
    if answer.status < 400:
        return
    assert answer.media_type == "application/problem+json", where
    problem = msgspec.json.decode(answer.body)
    slug = problem["type"].removeprefix("/problems/")
    assert PROBLEM_TYPES[slug].status == answer.status, where
    assert answer.status < 500 or slug in _UNAVAILABLE, where
    assert len(answer.body) < _LONGEST_REFUSAL, where


@pytest.fixture
async def target(shared: Stack, document: dict[str, Any], workspace: str) -> AsyncIterator[Target]:
    """The API in that workspace; afterwards it still works."""
    target = Target(shared, document, workspace)
    yield target
    await target.still_works()
    print(f"\n{target.asked} requests")
