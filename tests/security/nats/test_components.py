"""What a component may not do with its own credentials, tried on a real server; and that its own work is untouched."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.security import nats_accounts
from meshwright.core.testing import identities
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import command
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationStarted

pytestmark = pytest.mark.servers

WORKER = "adapter-example"
COMPONENTS = (*subjects.COMPONENTS, *(f"adapter-{name}" for name in identities.ADAPTERS))
API = nats_accounts.IMPORTED_JS_API
TOKEN = "mw.state.system.token.forged"
STARTED = OperationStarted.wire.name


@pytest.mark.parametrize("component", [name for name in COMPONENTS if name != "api"])
async def test_nobody_but_the_api_makes_tokens_or_commands(site: Any, component: str) -> None:
    """A forged admin token, published with the credentials of each component in turn, is refused."""
    async with site.intruder(component) as intruder:
        for subject in (TOKEN, "mw.state.default.workspace.w", "mw.cmd.default.example.local.m1.o1"):
            assert not await intruder.send(subject, reply="_INBOX.x")
    assert await site.holds("STATE") == await site.holds("COMMANDS") == 0


@pytest.mark.parametrize("component", [name for name in COMPONENTS if name != "api"])
async def test_nobody_but_the_api_makes_or_reads_sessions(site: Any, component: str) -> None:
    """A session for somebody's token, published or read with the credentials of each component in turn, is refused."""
    async with site.intruder(component) as intruder:
        for key in ("session.forged", "code.forged"):
            assert not await intruder.send(f"$KV.mw_sessions.{key}", reply="_INBOX.x")
        for api in (API, nats_accounts.JS_API):
            for request in ("DIRECT.GET.KV_mw_sessions", "DIRECT.GET.KV_mw_sessions.$KV.mw_sessions.session.x"):
                assert not await intruder.send(f"{api}.{request}", reply="_INBOX.x"), request
            assert not await intruder.send(f"{api}.CONSUMER.CREATE.KV_mw_sessions.mine", reply="_INBOX.x")
        assert not await intruder.listen("$KV.mw_sessions.>")
    assert await site.holds("KV_mw_sessions") == 0


@pytest.mark.parametrize("component", COMPONENTS)
async def test_everybody_speaks_under_their_own_name(site: Any, component: str) -> None:
    """Events of any other origin are refused, those of one's own pass; an observer says nothing at all."""
    own = component.removeprefix("adapter-")
    origins = ["api", "scheduler", "notifier", *identities.ADAPTERS]
    async with site.intruder(component) as intruder:
        for origin in origins:
            passed = await intruder.send(f"mw.evt.default.{origin}.operation.o1", reply="_INBOX.x")
            assert passed == (origin == own), origin
    assert await site.holds("EVENTS") == (own in origins)


# What can be asked of JetStream that changes, hides or shows what is not one's own.
ASKED = [
    *(
        f"STREAM.{verb}.{stream}"
        for verb in ("DELETE", "PURGE", "UPDATE", "SNAPSHOT")
        for stream in ("STATE", "EVENTS")
    ),
    *("STREAM.CREATE.MINE", "STREAM.RESTORE.MINE", "STREAM.LIST", "STREAM.NAMES", "ACCOUNT.PURGE.meshwright"),
    *("STREAM.MSG.DELETE.EVENTS", "STREAM.MSG.GET.STATE", "STREAM.MSG.GET.EVENTS", "STREAM.INFO.STATE"),
    *("DIRECT.GET.STATE", "DIRECT.GET.STATE.mw.state.system.token.t", "DIRECT.GET.KV_mw_adapter_envoy"),
    *("CONSUMER.CREATE.EVENTS.mine", "CONSUMER.CREATE.STATE.mine", "CONSUMER.DURABLE.CREATE.EVENTS.mine"),
    *("CONSUMER.CREATE.COMMANDS.adapter-envoy.mw.cmd.*.envoy.*.*.*", "CONSUMER.CREATE.COMMANDS.adapter-example"),
    *("CONSUMER.CREATE.KV_mw_adapter_example.mine", "CONSUMER.DELETE.COMMANDS.adapter-envoy", "CONSUMER.LIST.EVENTS"),
    *("CONSUMER.MSG.NEXT.COMMANDS.adapter-envoy", "CONSUMER.LEADER.STEPDOWN.COMMANDS.adapter-envoy"),
    *("CONSUMER.PAUSE.COMMANDS.adapter-envoy", "CONSUMER.RESET.COMMANDS.adapter-envoy", "SERVER.REMOVE"),
]


async def test_a_worker_asks_jetstream_for_nothing_but_its_own(site: Any) -> None:
    """Streams, consumers and messages of others are neither changed nor shown, under either name of the API."""
    await site.owner.publisher.publish(
        "mw.evt.default.envoy.operation.o", OperationStarted(worker="w", attempt=1, adapter_version="1")
    )
    before = await site.owner.js.streams_info()
    async with site.intruder(WORKER) as intruder:
        for request in ASKED:
            for api in (API, nats_accounts.JS_API):
                assert not await intruder.send(f"{api}.{request}", reply="_INBOX.x"), request
    after = await site.owner.js.streams_info()
    assert [(one.config.name, one.state.messages) for one in after] == [
        (o.config.name, o.state.messages) for o in before
    ]


@pytest.mark.parametrize(
    "subject",
    [
        *(
            "$KV.mw_leases.projector",
            "$KV.mw_leases.scheduler",
            "$KV.mw_leases.adapter.envoy.watch",
            "$KV.mw_scheduler.arrivals",
            "$KV.mw_notifier.default.w",
        ),
        *("$KV.mw_presence.envoy.w1", "$KV.mw_turns.default.envoy.local.m1", "$KV.mw_adapter_envoy.secrets.default.m"),
        *("$O.any.C.x", "$O.any.M.x", "mw.metric.default.envoy.m1", "mw.dlq.default.envoy.o1"),
        *("mw.srv.envoy.preview", "mw.srv.example.preview", "$SRV.PING.meshwright-envoy", "$SYS.REQ.SERVER.PING"),
        *("$JS.ACK.COMMANDS.adapter-envoy.1.1.1.1.0", "$JS.ACK.d.h.COMMANDS.adapter-envoy.1.1.1.1.0.0"),
        *("$JS.ACK.ADVISORIES.scheduler-dead-letters.1.1.1.1.0", "$SYS.REQ.ACCOUNT.meshwright.CONNZ", "_INBOX.another"),
        *("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.COMMANDS.adapter-envoy", "anything"),
    ],
)
async def test_a_worker_writes_nothing_of_others(site: Any, subject: str) -> None:
    """Others' buckets, measurements, dead letters, acknowledgements, services, the server's notices: refused."""
    async with site.intruder(WORKER) as intruder:
        assert not await intruder.send(subject, reply="_INBOX.x")


@pytest.mark.parametrize(
    "subject",
    [
        *(">", "_INBOX_api.>", "_R_.>", "$SYS.>", "$JS.>", "$KV.>", "$O.>", "mw.>", "mw.cmd.>", "mw.state.>"),
        *("mw.evt.>", "mw.metric.>", "mw.srv.>", "mw.srv.envoy.preview", "$KV.mw_adapter_envoy.>"),
        "mw.evt.*.envoy.proxy.*",
    ],
)
async def test_a_worker_overhears_nobody(site: Any, subject: str) -> None:
    """It listens to operations and to what it is asked, not to commands, documents, or the answers to others."""
    async with site.intruder(WORKER) as intruder:
        assert not await intruder.listen(subject)
        assert await intruder.listen("mw.evt.*.api.operation.*")


async def test_one_worker_of_an_adapter_holds_what_only_one_may_do(site: Any, tmp_path: Path) -> None:
    """With an adapter's own credentials, of two workers one works; when its work is over, the other begins."""
    log: list[str] = []
    enough = asyncio.Event()

    async def work(name: str) -> None:
        log.append(name)
        if name == "w1":
            await enough.wait()

    async with site.component(WORKER) as one, site.component(WORKER) as other, asyncio.TaskGroup() as group:
        first, second = (kit.Runtime(bus, "example", name, tmp_path) for bus, name in ((one, "w1"), (other, "w2")))
        group.create_task(first.lease("watch", lambda: work("w1")))
        await eventually(lambda: log == ["w1"])
        group.create_task(second.lease("watch", lambda: work("w2")))
        await first.lease("elsewhere", lambda: work("w3"))
        assert log == ["w1", "w3"]
        enough.set()
    assert log == ["w1", "w3", "w2"]


async def test_answers_to_others_are_not_heard(site: Any) -> None:
    """All inboxes have the same name in separate accounts: a subscription to all of them receives nothing of others."""
    overheard = []
    async with site.intruder(WORKER) as intruder, site.component("api") as api:

        async def hear(message: Any) -> None:
            overheard.append(message.subject)

        await intruder.client.subscribe("_INBOX.>", cb=hear)
        await intruder.client.flush()
        asked = command()
        await api.publisher.publish(f"mw.cmd.default.example.local.m1.{asked.operation}", asked, id=asked.operation)
        assert await api.last("COMMANDS", f"mw.cmd.default.example.local.m1.{asked.operation}")
        await intruder.client.flush()
    assert overheard == []


async def test_an_observer_sees_what_happens_and_nothing_else(site: Any) -> None:
    """As in the README: events and measurements of all workspaces, and no commands, documents or streams."""
    heard = []
    async with site.intruder("observer") as observer, site.component("api") as api, site.component(WORKER) as worker:

        async def hear(message: Any) -> None:
            heard.append(message.subject)

        await observer.client.subscribe("mw.evt.>", cb=hear)
        await observer.client.flush()
        told = {f"mw.evt.default.{origin}.operation.o1": bus for bus, origin in ((api, "api"), (worker, "example"))}
        for subject, bus in told.items():
            await bus.publisher.publish(subject, OperationStarted(worker="w", attempt=1, adapter_version="1"))
        await eventually(lambda: set(heard) == told.keys())  # one that is published again for want of an answer, twice
        for subject in ("mw.cmd.>", "mw.state.>", "$KV.>", "$JS.>"):
            assert not await observer.listen(subject)
        assert not await observer.send(f"{API}.DIRECT.GET.STATE", json.dumps({"seq": 1}).encode(), reply="_INBOX.x")
        assert await observer.listen("mw.metric.>")


async def test_a_worker_does_its_own_work(site: Any) -> None:
    """Its commands, its events behind its fence, its buckets, its presence, its measurements: all with its own user."""
    async with site.component(WORKER) as bus, site.component("api") as api:
        asked = command()
        await api.publisher.publish(f"mw.cmd.default.example.local.m1.{asked.operation}", asked, id=asked.operation)
        work = mwbus.WorkQueue(
            stream="COMMANDS", name="adapter-example", subject="mw.cmd.*.example.*.*.*", max_deliver=-1
        )
        jobs = mwbus.jobs(bus, work)
        job = await anext(jobs)
        assert job is not None
        await job.ack()
        await jobs.aclose()

        async def acknowledged() -> bool:
            info = await site.owner.js.consumer_info("COMMANDS", "adapter-example")
            return bool(info.num_ack_pending == 0)

        await eventually(acknowledged)
        subject = f"mw.evt.default.example.operation.{asked.operation}"
        await bus.publisher.publish(
            subject, OperationStarted(worker="w", attempt=1, adapter_version="1"), expected_last=0
        )
        assert (await bus.last("EVENTS", subject)) is not None
        bucket = await mwbus.open_bucket(bus, "mw_adapter_example", prefix="facts.")
        revision = await bucket.create("a", b"1")
        async with bucket.watch() as changes:
            assert (await anext(changes)).key == "a"
            assert (await anext(changes)).key == ""
            await bucket.update("a", b"2", revision)
            assert (await anext(changes)).entry is not None
        assert await bucket.keys() == ["a"]
