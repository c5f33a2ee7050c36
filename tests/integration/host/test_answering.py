"""What a live worker answers directly: asking changes nothing, and a no says what would have been a yes."""

import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from example_adapter import NoOp, Write, example

from meshwright.core import ids, kit
from meshwright.core.bus.client import requesting, serving
from meshwright.core.testing.sending import Sender
from meshwright.schemas import adapters, designs
from meshwright.schemas import operations as ops
from meshwright.schemas.errors import Failure
from meshwright.workers.host import answering
from rig.load import ledgers

KNOWN = ["design.apply", "design.remove", "design.rollback", "example.noop", "example.write"]


def command(arguments: ops.Arguments, **more: Any) -> bytes:
    """A command that is only asked about."""
    now = datetime.datetime.now(datetime.UTC)
    asked = ops.Command(
        operation=ids.fresh(),
        workspace="default",
        adapter="example",
        connection="local",
        mesh="m1",
        kind=more.pop("kind", arguments.kind.name),
        arguments=msgspec.to_builtins(arguments),
        principal="tester",
        accepted_at=now,
        deadline=now,
    )
    return msgspec.json.encode(asked)


@pytest.fixture
async def runtime(sender: Sender, tmp_path: Path) -> AsyncIterator[kit.Runtime]:
    """A worker of the example adapter that answers."""
    made = kit.Runtime(sender.bus, "example", "w1", tmp_path)
    async with serving.serving(sender.bus, "example", "1.0.0", answering.endpoints(example, made, None, sender.bus)):
        yield made


async def refusal(sender: Sender, payload: bytes) -> Failure:
    """Why a preview was refused."""
    with pytest.raises(requesting.ServiceRefused) as refused:
        await requesting.request(sender.bus, "example", "preview", payload)
    assert refused.value.code == "422"
    return refused.value.failure


@pytest.mark.usefixtures("runtime")
async def test_a_preview_is_answered_or_refused_with_a_reason(sender: Sender) -> None:
    """What the adapter would do; its own no; an operation that it does not know; and what is no command at all."""
    answer = await requesting.request(sender.bus, "example", "preview", command(Write(path="/tmp/x")))
    assert msgspec.json.decode(answer, type=designs.Preview) == designs.Preview(translations=[])
    assert (await refusal(sender, command(Write(path="/forbidden")))).code == "EX1"
    unknown = await refusal(sender, command(NoOp(), kind="example.unknown"))
    assert (unknown.code, unknown.remedy) == ("MW1004", f"It has: {', '.join(KNOWN)}")
    for payload in (b"", b"{}", b"\xff", b"[1]", b'{"operation": "\xff"}'):
        assert (await refusal(sender, payload)).code == "MW1003"


@pytest.mark.usefixtures("runtime")
async def test_asking_changes_nothing(sender: Sender) -> None:
    """Whatever is asked, no stream holds anything afterwards and nothing was done."""
    for endpoint in ("info", "diagnose"):
        await requesting.request(sender.bus, "example", endpoint, b"anything")
    await requesting.request(sender.bus, "example", "preview", command(NoOp()))
    for stream in ("COMMANDS", "EVENTS", "STATE"):
        assert await ledgers.whole(sender.bus, stream) == []


@pytest.mark.usefixtures("runtime")
async def test_a_worker_says_who_it_is_and_how_it_is(sender: Sender) -> None:
    """Its announcement, as its presence has it, and whether it sees the commands."""
    info = msgspec.json.decode(
        await requesting.request(sender.bus, "example", "info", b""), type=adapters.AdapterAnnouncement
    )
    assert (info.name, info.instance) == ("example", "w1")
    assert [one.name for one in info.operations] == KNOWN
    await sender.ask(NoOp())
    told = msgspec.json.decode(await requesting.request(sender.bus, "example", "diagnose", b""))
    assert (told["adapter"], told["connected"], told["commands"]) == ("example", True, {"first": 1, "last": 1})


async def test_without_a_previewer_there_is_no_preview(sender: Sender, tmp_path: Path) -> None:
    """An adapter without a preview says so, instead of returning an empty one."""
    plain = kit.Adapter("plain", meshes=[])

    @plain.operation(NoOp)
    async def nothing(_context: kit.Context, _arguments: NoOp) -> None:
        """Nothing."""

    made = kit.Runtime(sender.bus, "plain", "w1", tmp_path)
    async with serving.serving(sender.bus, "plain", "1.0.0", answering.endpoints(plain, made, None, sender.bus)):
        with pytest.raises(requesting.ServiceRefused, match="cannot preview"):
            await requesting.request(sender.bus, "plain", "preview", command(NoOp()))


async def test_a_preview_has_the_service_and_the_settings_at_hand(sender: Sender, tmp_path: Path) -> None:
    """It gets what runs beside the commands, and settings that were read before the first of many previews."""

    class Places(msgspec.Struct, frozen=True):
        """Where something is."""

        host: str = "nowhere"

    seeing = kit.Adapter("see-all", meshes=[], settings=Places)
    seen: list[tuple[object, str]] = []

    @seeing.operation(NoOp)
    async def nothing(_context: kit.Context, _arguments: NoOp) -> None:
        """Nothing."""

    @seeing.preview
    async def preview(context: kit.PreviewContext) -> designs.Preview:
        seen.append((context.service(list), context.settings(Places).host))
        return designs.Preview(translations=[])

    environ = {"MESHWRIGHT_SEE_ALL_HOST": "here"}
    made = kit.Runtime(sender.bus, "see-all", "w1", tmp_path, environ=environ)
    service: list[str] = ["the service"]
    async with serving.serving(sender.bus, "see-all", "1.0.0", answering.endpoints(seeing, made, service, sender.bus)):
        for _ in range(2):
            await requesting.request(sender.bus, "see-all", "preview", command(NoOp()))
            environ["MESHWRIGHT_SEE_ALL_HOST"] = "there"
    assert seen == [(service, "here")] * 2
    assert seen[0][0] is service


async def test_what_an_adapter_reports_stands_under_its_own_name(sender: Sender, runtime: kit.Runtime) -> None:
    """Facts go to EVENTS and measurements to METRICS, each under the adapter's origin, and its buckets are its own."""
    gone = adapters.AdapterLost(name="example", instance="w0", graceful=True)
    seq = await runtime.emit("default", "x", gone)
    stored = await sender.bus.at("EVENTS", seq)
    assert stored is not None
    assert stored.subject == "mw.evt.default.example.adapter.x"
    assert stored.envelope().subject == "adapters/x"
    assert stored.message() == gone
    with pytest.raises(ValueError, match="cannot be used in a subject"):
        await runtime.emit("default.>", "x", gone)
    one, other = await runtime.bucket("facts"), await kit.Runtime(sender.bus, "other", "w", Path()).bucket("facts")
    await one.put("a", b"1")
    assert await other.get("a") is None
    assert one.name == "mw_adapter_example"
