"""Having the server say what one may not say oneself: by an answer, a delivery, or a copy sent to a chosen subject.

NATS does not check where a client has answers sent to. Within one account, who may look up an own message has it
delivered, headers and all, onto any subject: that made a token of an event. Each way is tried here.
"""

import json
from typing import Any

import pytest

from meshwright.core.security import nats_accounts
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.access import TokenWritten

pytestmark = pytest.mark.servers

API = nats_accounts.IMPORTED_JS_API
OWN = "mw.evt.default.example.operation.o1"
TARGETS = (
    "mw.state.system.token.forged",
    "mw.cmd.default.envoy.local.m1.forged",
    "mw.evt.default.api.operation.forged",
)


async def tell_own(intruder: Any) -> None:
    """An event of the attacker's own, which looks like a token to a reader elsewhere."""
    assert await intruder.send(OWN, b'{"document":{}}', ce_type=TokenWritten.wire.name)


async def nothing_arrived(site: Any) -> None:
    """The streams hold the intruder's own event and nothing else."""
    await site.owner.client.flush()
    assert await site.holds("STATE") == await site.holds("COMMANDS") == 0
    assert await site.owner.last("EVENTS", "mw.evt.default.api.operation.forged") is None


@pytest.mark.parametrize("target", TARGETS)
async def test_an_answer_does_not_speak_for_others(site: Any, target: str) -> None:
    """A look-up, a batch of them, the acknowledgement of a publish: wherever they are wanted, they stay at home."""
    async with site.intruder("adapter-example") as intruder:
        await tell_own(intruder)
        await eventually(lambda: _holds_one(site))
        await intruder.send(f"{API}.DIRECT.GET.EVENTS.{OWN}", b"", reply=target)
        await intruder.send(f"{API}.DIRECT.GET.EVENTS", b'{"seq":1}', reply=target)
        batch = json.dumps({"batch": 10, "seq": 1, "next_by_subj": ">"}).encode()
        await intruder.send(f"{API}.DIRECT.GET.EVENTS", batch, reply=target)
        await intruder.send(f"{API}.STREAM.INFO.EVENTS", b"", reply=target)
        await intruder.send(OWN, b"again", reply=target)
        await intruder.send("$KV.mw_adapter_example.x", b"again", reply=target)
    await nothing_arrived(site)


async def _holds_one(site: Any) -> bool:
    return bool(await site.holds("EVENTS") == 1)


@pytest.mark.parametrize("component", ["scheduler", "notifier", "projector"])
async def test_a_consumer_does_not_speak_for_others(site: Any, component: str) -> None:
    """Who follows a stream may make consumers, which deliver where their maker says; nothing is stored by that."""
    async with site.intruder("adapter-example") as accomplice:
        await tell_own(accomplice)
    async with site.intruder(component) as intruder:
        for number, target in enumerate(TARGETS):
            name = f"c{number}"
            config = {"name": name, "deliver_subject": target, "deliver_policy": "all", "ack_policy": "none"}
            request = json.dumps({"stream_name": "EVENTS", "config": config}).encode()
            answer = await intruder.client.request(f"{API}.CONSUMER.CREATE.EVENTS.{name}", request, timeout=30)
            assert b'"stream_name":"EVENTS"' in answer.data or b"forms a cycle" in answer.data, answer.data
        pull = {"name": "p", "deliver_policy": "all", "ack_policy": "none"}
        request = json.dumps({"stream_name": "EVENTS", "config": pull}).encode()
        await intruder.client.request(f"{API}.CONSUMER.CREATE.EVENTS.p", request, timeout=30)
        await intruder.send(f"{API}.CONSUMER.MSG.NEXT.EVENTS.p", b'{"batch":5,"no_wait":true}', reply=TARGETS[0])
        await intruder.client.flush()
    await nothing_arrived(site)


async def test_a_worker_makes_no_consumer_that_delivers_elsewhere(site: Any) -> None:
    """The one consumer that it may make is its own, of what it is asked: the API's words, under their subjects."""
    async with site.intruder("adapter-example") as intruder:
        config = {
            "name": "adapter-example",
            "durable_name": "adapter-example",
            "deliver_subject": TARGETS[0],
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "filter_subject": "mw.cmd.*.envoy.*.*.*",
        }
        own = f"{API}.CONSUMER.CREATE.COMMANDS.adapter-example.mw.cmd.*.example.*.*.*"
        request = json.dumps({"stream_name": "COMMANDS", "config": config}).encode()
        answer = json.loads((await intruder.client.request(own, request, timeout=30)).data)
        assert "filter" in answer["error"]["description"]
    await nothing_arrived(site)
