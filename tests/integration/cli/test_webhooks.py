"""Webhooks by the command line: created, tested, listed, replayed, deleted."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rig.stack.receiving import Receiver, receiving

pytestmark = pytest.mark.servers


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint with a loop of its own, because these tests have none."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        opened = receiving()
        result = runner.run(opened.__aenter__())
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield result
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            runner.run(opened.__aexit__(None, None, None))


def test_a_webhook_from_its_making_to_its_end(terminal: Any, receiver: Receiver, notifier: None) -> None:
    """The secret is printed once on stdout, a ping reports the endpoint's response, deliveries are a table, all
    exit codes are 0.
    """
    made = terminal.run("webhooks", "set", "ops", "--url", receiver.url, "--entity", "connection")
    secret = made.stdout.strip()
    assert secret.startswith("whsec_")
    assert "not shown again" in made.stderr
    assert "the ping was delivered: the endpoint answered 204" in terminal.run("webhooks", "test", "ops").stderr
    assert receiver.calls[0].signed_by(secret)
    listed = terminal.run("webhooks", "list").stdout.splitlines()
    assert listed[1].split() == ["ops", "✓", "enabled", receiver.url, "all", "connection"]
    rows = terminal.run("webhooks", "deliveries", "ops").stdout.splitlines()
    assert rows[0].split() == ["EVENT", "TYPE", "STATE", "TRIES", "STATUS", "TRIED", "NEXT", "TRY", "DETAIL"]
    assert rows[1].split()[1:6] == ["dev.meshwright.webhook.pinged.v1", "✓", "delivered", "1", "204"]
    turned = json.loads(terminal.run("webhooks", "rotate-secret", "ops", "-o", "json").stdout)
    assert turned["secret"] not in ("", secret)
    assert "0 failed deliveries are delivered again" in terminal.run("webhooks", "replay", "ops", "--failed").stderr
    terminal.run("webhooks", "replay", "ops", "--from", "1")
    terminal.run("webhooks", "replay", "ops", expect=2)
    changed = terminal.run("webhooks", "set", "ops", "--url", receiver.url, "--disabled")
    assert changed.stdout == ""
    assert "- disabled" in terminal.run("webhooks", "list").stdout
    terminal.run("webhooks", "test", "ops", expect=3)
    terminal.run("webhooks", "delete", "ops", "--yes")
    terminal.run("webhooks", "show", "ops", expect=3)


def test_a_ping_that_does_not_arrive_says_why(terminal: Any, receiver: Receiver, notifier: None) -> None:
    """An endpoint's refusal is reported with its text, with exit code 1."""
    receiver.answer = lambda call: (403, {})
    terminal.run("webhooks", "set", "ops", "--url", receiver.url)
    assert "the endpoint answered 403" in terminal.run("webhooks", "test", "ops", expect=1).stderr


def test_an_inner_address_is_refused(terminal: Any) -> None:
    """A URL that leads inside is refused with its place and the way out."""
    refused = terminal.run("webhooks", "set", "ops", "--url", "http://169.254.169.254/", expect=3)
    assert "#/url" in refused.stderr
    assert "MESHWRIGHT_WEBHOOK_ALLOW" in refused.stderr
