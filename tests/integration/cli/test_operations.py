"""Following, leaving, cancelling and losing operations."""

import json
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

Shop = Any
SLOW = "id: {0}\nintents: [{{intent: timeout, service: reviews, timeout: 2s}}]\n"


def slow(shop: Shop, name: str) -> str:
    """A design whose third step takes a minute."""
    return str(shop.write(f"{name}.yaml", SLOW.format(f"slow-{name}")))


def begun(process: Any) -> str:
    """The operation that a running `apply` follows, once its third step runs."""
    operation = ""
    for line in process.stderr:
        if " accepted: " in line:
            operation = line.split()[1]
        if "0 of 2 proxies" in line:
            return operation
    raise AssertionError("the operation ended early")


def test_a_failed_operation_says_why(shop: Shop) -> None:
    """A failure has exit code 5, what happened, the cause and the remedy; `show` has the steps."""
    shop.write("doomed.yaml", SLOW.format("doomed"))
    told = shop.run("apply", "doomed.yaml", "--wait", expect=5).stderr
    assert "cause: Proto constraint validation failed" in told
    assert "remedy: Give the timeout a value above zero." in told
    operation = next(line.split()[1] for line in told.splitlines() if " accepted: " in line)
    shown = shop.run("operations", "show", operation).stdout
    assert re.search(r"apply +- undone", shown)
    assert re.search(r"wait +✗ failed", shown)
    assert "failed: the proxy reviews-v1 rejected the configuration (ST1)" in shown
    assert "✗ wait" in shop.run("operations", "retry", operation, "--wait", expect=5).stderr


def test_a_time_limit_leaves_the_operation_alone(shop: Shop) -> None:
    """When --timeout passes the exit code is 7 and the operation goes on; cancelling it succeeds."""
    told = shop.run("apply", slow(shop, "limit"), "--timeout", "1s", expect=7).stderr
    operation = next(line.split()[1] for line in told.splitlines() if " accepted: " in line)
    assert f"meshwright operations watch {operation}" in told
    assert operation in shop.run("operations", "list", "--unfinished").stdout
    cancelled = shop.run("operations", "cancel", operation, "--wait", "-r", "too slow")
    assert "↶ apply undone" in cancelled.stderr
    assert "✓ cancelled" in cancelled.stderr
    shop.run("operations", "watch", operation, expect=5)


def test_ctrl_c_leaves_and_says_how_to_come_back(shop: Shop) -> None:
    """Ctrl-C ends the following with 130, not the operation."""
    with shop.start("apply", slow(shop, "left"), "--wait") as process:
        operation = begun(process)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"stopped waiting for operation {operation}, which continues" in rest
    assert f"meshwright operations watch {operation}" in rest
    shown = json.loads(shop.run("operations", "show", operation, "-o", "json").stdout)
    assert shown["state"] == "running"
    shop.run("operations", "cancel", operation, "--wait")


def test_following_survives_the_death_of_the_api(shop: Shop, machine: Any) -> None:
    """While the API is killed and restarted, following continues to the end and shows each event once."""
    with shop.start("apply", slow(shop, "killed"), "--wait") as process:
        operation = begun(process)
        machine.kill_api()
        machine.start_api()
        shop.run("operations", "cancel", operation)
        _, rest = process.communicate(timeout=30)
    assert process.returncode == 5
    assert rest.count("apply undone") == 1
    assert f"operation {operation} cancelled" in rest


@pytest.fixture
def views_stand_still(shop: Shop, machine: Any) -> Iterator[None]:
    """The projector is dead."""
    machine.kill_projector()
    yield
    machine.start_projector()


@pytest.mark.usefixtures("views_stand_still")
def test_waiting_needs_no_views(shop: Shop) -> None:
    """Without a projector an operation is shown from its events: end, steps, failure, and later too."""
    shop.write("seen.yaml", SLOW.format("seen"))
    began = time.monotonic()
    told = shop.run("apply", "seen.yaml", "--timeout", "20s", "-o", "json")
    assert time.monotonic() - began < 15
    shown = json.loads(told.stdout)
    steps = ["plan", "apply", "wait", "record-release", "prune", "verify"]
    assert (shown["state"], [step["name"] for step in shown["steps"]]) == ("succeeded", steps)
    assert "may be" not in told.stderr
    shop.write("doomed-too.yaml", SLOW.format("doomed"))
    failed = shop.run("apply", "doomed-too.yaml", "--wait", expect=5).stderr
    assert "✗ wait" in failed and "↶ apply undone" in failed and "cause: Proto constraint" in failed
    operation = next(line.split()[1] for line in failed.splitlines() if " accepted: " in line)
    assert re.search(r"apply +- undone", shop.run("operations", "show", operation).stdout)
    shop.run("operations", "watch", operation, expect=5)
    slow_one = shop.run("apply", slow(shop, "blind"), "--timeout", "1s", expect=7).stderr
    running = next(line.split()[1] for line in slow_one.splitlines() if " accepted: " in line)
    assert "✓ cancelled" in shop.run("operations", "cancel", running, "--wait").stderr


def test_events_can_be_resumed(shop: Shop) -> None:
    """The tail says where it ended, and from there the next one goes on without gap or repetition."""
    first = shop.run("events", "tail", "--since", "0", "-n", "3", "-o", "json")
    seen = [json.loads(line)["id"] for line in first.stdout.splitlines()]
    assert first.stderr.endswith(f"resume with: meshwright events tail --since {seen[-1]}\n")
    rest = shop.run("events", "tail", "--since", str(seen[-1]), "-n", "3", "-o", "json")
    whole = shop.run("events", "tail", "--since", "0", "-n", "6", "-o", "json")
    assert first.stdout + rest.stdout == whole.stdout


def test_a_tail_ends_cleanly(shop: Shop) -> None:
    """Ctrl-C ends the tail with 130 and the place to go on, without a traceback."""
    with shop.start("events", "tail", "--since", "0", "--type", "mesh") as process:
        assert "mesh.observed" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "resume with: meshwright events tail --since" in rest
    assert "Traceback" not in rest


def test_the_log_can_be_searched(shop: Shop) -> None:
    """Events are found by type and by a piece of their payload."""
    stored = json.loads(shop.run("events", "search", "reviews-v1", "--type", "proxy.observed", "-o", "json").stdout)
    assert [one["entity_id"] for one in stored] == ["demo~~reviews-v1"]
