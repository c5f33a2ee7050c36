"""What the rules of analysis say of Consul is what a real one does: it refuses, or another entry counts."""

from typing import Any

import pytest

from testbed.consul import ConsulServer

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]


def intentions(name: str, **actions: str) -> dict[str, Any]:
    """Who may call; `everybody` is `*`."""
    sources = [{"Name": "*" if key == "everybody" else key, "Action": each} for key, each in actions.items()]
    return {"Kind": "service-intentions", "Name": name, "Sources": sources}


TWICE = {**intentions("web"), "Sources": [{"Name": "a", "Action": "allow"}, {"Name": "a", "Action": "deny"}]}
SPLIT = {"Kind": "service-splitter", "Name": "web", "Splits": [{"Weight": 60}, {"Weight": 30, "Service": "other"}]}


@pytest.mark.parametrize(
    ("code", "body", "words"),
    [
        ("MW3901", {**SPLIT, "Splits": [{"Weight": 100}]}, "protocol"),
        ("MW3905", SPLIT, "100"),
        ("MW3912", TWICE, "more than once"),
        ("MW3913", {"Kind": "proxy-defaults", "Name": "mine", "Config": {"protocol": "http"}}, "global"),
    ],
)
async def test_what_a_rule_calls_refused_is_refused(
    consul: ConsulServer, code: str, body: dict[str, Any], words: str
) -> None:
    """In Consul's own words, and nothing is stored."""
    async with consul.client() as client:
        answer = await client.put("/v1/config", json=body)
        assert answer.status_code >= 400, code
        assert words in answer.text, (code, answer.text)
        assert (await client.get(f"/v1/config/{body['Kind']}/{body['Name']}")).status_code == 404


async def test_intentions_of_a_service_overrule_those_for_all(consul: ConsulServer) -> None:
    """MW3911: who is allowed for all is denied where a service denies everybody, until it is named there."""
    async with consul.client() as client:

        async def may() -> bool:
            asked = {"source": "a", "destination": "web"}
            answer: bool = (await client.get("/v1/connect/intentions/check", params=asked)).json()["Allowed"]
            return answer

        async def write(body: dict[str, Any]) -> None:
            (await client.put("/v1/config", json=body)).raise_for_status()

        await write(intentions("*", everybody="deny", a="allow"))
        assert await may()
        await write(intentions("web", everybody="deny"))
        assert not await may()
        await write(intentions("web", everybody="deny", a="allow"))
        assert await may()
        for name in ("*", "web"):
            (await client.delete(f"/v1/config/service-intentions/{name}")).raise_for_status()
