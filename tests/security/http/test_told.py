"""A refusal is found in the log by its trace id, and no flood of them fills the disk."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack
from rig.stack.wires import request, wire

pytestmark = pytest.mark.servers
BEARER = f"Authorization: Bearer {TOKEN}"
JSON = "Content-Type: application/json"


def lines(stack: Stack, name: str) -> list[dict[str, Any]]:
    """What a process that logs JSON has said."""
    return [json.loads(line) for line in stack.log(name).read_text().splitlines() if line.startswith("{")]


async def test_every_refusal_is_in_the_log_once(guarded: Stack) -> None:
    """Whatever refuses, a route or what stands before the routes: one line with status, route, principal, workspace."""
    port = await asyncio.to_thread(guarded.start_another_api, "telling", log_format="json")
    secret = "a-secret-that-somebody-typed"
    bad, old = f'{{"{secret}": 1}}'.encode(), 'If-Match: "7"'
    asked = [
        (request("/v1/meshes"), 401, "listMeshes", "nobody"),
        (request("/v1/meshes", f"Authorization: Bearer {secret}"), 401, "listMeshes", "nobody"),
        (request(f"/v1/meshes/nope?min_seq={secret}", BEARER), 400, "getMesh", "admin"),
        (request("/v1/webhooks/nope", BEARER, f"Meshwright-Workspace: {secret}"), 404, "getWebhook", "admin"),
        (request(f"/nowhere/{secret}", BEARER), 404, "none", "nobody"),
        (request("/v1/meshes", BEARER, method="DELETE"), 405, "none", "nobody"),
        (request("/v1/connections/x", BEARER, JSON, method="PUT", body=bad), 422, "putConnection", "admin"),
        (request("/v1/workspaces/w", BEARER, JSON, old, method="PUT", body=b"{}"), 412, "putWorkspace", "admin"),
        (request("/healthz", f"X: {secret}\0"), 400, "none", "nobody"),
        (request("/healthz", f"X: {secret * 1000}"), 431, "none", "nobody"),
        (request(f"/{secret * 1000}"), 414, "none", "nobody"),
    ]  # fmt: skip
    told = {}
    for data, status, route, principal in asked:
        async with wire(port) as one:
            answer = await one.ask(data)
            assert answer is not None
            assert answer.status == status, (data[:60], answer)
            told[answer.problem["trace_id"]] = (answer.slug, status, route, principal)

    def result() -> list[dict[str, Any]]:
        return [line for line in lines(guarded, "telling") if line.get("trace_id") in told]

    await eventually(lambda: len(result()) >= len(told))
    logged = {
        line["trace_id"]: (line["message"].removeprefix("refused: "), line["status"], line["route"], line["principal"])
        for line in result()
    }
    assert logged == told
    assert len(result()) == len(told)
    assert secret not in guarded.log("telling").read_text()


async def test_a_flood_of_refusals_leaves_a_bounded_log(guarded: Stack) -> None:
    """Thousands of refused requests leave some lines, which count the rest, and no line of other clients is
    suppressed.
    """
    port = await asyncio.to_thread(guarded.start_another_api, "flooded", log_format="json")
    async with wire(port) as one:
        for _ in range(20):
            await one.send(request("/v1/meshes") * 10)
            for _ in range(10):
                assert (await one.answer()) is not None
        for _ in range(1000):
            async with wire(port) as stranger:
                await stranger.send(b"\x16\x03\x01nonsense\r\n\r\n")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        refused = await Person(client, TOKEN, "default").ask("GET", "/v1/webhooks/nope", expect=404)
    trace = refused.json()["trace_id"]
    await eventually(lambda: any(line.get("trace_id") == trace for line in lines(guarded, "flooded")))
    assert len(lines(guarded, "flooded")) < 150

    async def counted() -> bool:
        async with wire(port) as one:
            await one.ask(request("/v1/meshes"))
        return any(line.get("left_out", 0) > 100 for line in lines(guarded, "flooded"))

    await eventually(counted)
