"""Dead letters on the command line: seen, shown, replayed, dropped."""

import asyncio
import json
from typing import Any

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import operations
from rig.stack import projections

Shop = Any
POISON = "id: poison\nintents: [{intent: timeout, service: reviews, timeout: 2s}]\n"


def unreadable(nats_url: str, workspace: str, payload: bytes) -> str:
    """A command that no worker can decode."""
    operation = ids.fresh()

    async def send() -> None:
        async with mwbus.connect(nats_url, "stranger") as bus:
            subject = f"mw.cmd.{workspace}.scripted.place._.{operation}"
            await projections.publish_raw(bus, subject, payload, operations.Command.wire.name)

    asyncio.run(send())
    return operation


def listed(shop: Shop, *more: str) -> list[Any]:
    """The dead letters that `list` shows."""
    result: list[Any] = json.loads(shop.run("deadletters", "list", *more, "-o", "json").stdout)
    return result


def arrived(shop: Shop, operation: str) -> None:
    """Wait until the letter of an operation is listed."""
    asyncio.run(eventually(lambda: operation in [one["id"] for one in listed(shop)], timeout=30, interval=0.3))


def test_a_dead_letter_is_shown_and_replayed(shop: Shop) -> None:
    """What broke its worker is listed with its command; a replay ends well, and the letter says what replaced it."""
    shop.write("poison.yaml", POISON)
    told = shop.run("apply", "poison.yaml", "--wait", expect=5).stderr
    dead = next(line.split()[1] for line in told.splitlines() if " accepted: " in line)
    arrived(shop, dead)
    assert "RuntimeError" not in shop.run("deadletters", "list", "--adapter", "scripted").stdout
    shown = shop.run("deadletters", "show", dead).stdout
    assert "kind: design.apply" in shown
    assert f"meshwright deadletters replay {dead}" in shown
    assert f"meshwright deadletters show {dead}" in shop.run("check", expect=1).stdout
    first = json.loads(shop.run("deadletters", "replay", dead, "--wait", "-r", "mended", "-o", "json").stdout)
    again = json.loads(shop.run("deadletters", "replay", dead, "-o", "json").stdout)
    assert (first["state"], first["id"]) == ("succeeded", again["id"])
    assert dead not in [one["id"] for one in listed(shop)]
    shown = next(one for one in listed(shop, "--all") if one["id"] == dead)
    assert (shown["replaced_by"], shown["note"]) == (first["id"], "mended")
    assert f"{first['id']} by admin" in shop.run("deadletters", "show", dead).stdout


def test_bytes_that_nobody_can_read_are_shown_harmless_and_dropped(shop: Shop, machine: Any) -> None:
    """The bytes are shown without what could repaint a terminal; a replay is refused, a drop asks and then works."""
    dead = unreadable(machine.nats_url, shop.environment["MESHWRIGHT_WORKSPACE"], b"\x1b[2Jno command")
    arrived(shop, dead)
    shown = shop.run("deadletters", "show", dead).stdout
    assert "[2Jno command" in shown
    assert "\x1b" not in shown
    assert "Look at its bytes" in shop.run("deadletters", "replay", dead, expect=3).stderr
    assert "Add --yes." in shop.run("deadletters", "drop", dead, expect=2).stderr
    shop.run("deadletters", "drop", dead, "--yes", "-r", "rubbish")
    shop.run("deadletters", "show", dead, expect=3)
    assert dead not in [one["id"] for one in listed(shop, "--all")]
