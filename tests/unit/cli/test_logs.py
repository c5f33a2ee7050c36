"""`meshwright logs`: of proxies through the API, and of the local stack's processes from their files."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.ui_api.cli.commands import logs

Server = Any
Terminal = Any
PROXY = {"id": "demo~~front", "mesh": "demo", "name": "front", "workload": "demo~~process~front"}


def parts(*texts: str) -> dict[str, Any]:
    """An answer with these parts."""
    return {"parts": [{"name": f"pod-{number}/app", "text": text} for number, text in enumerate(texts)]}


@pytest.fixture
def stack(terminal: Terminal) -> Terminal:
    """A folder of a local stack with two logs."""
    folder = terminal.folder / ".meshwright" / "logs"
    folder.mkdir(parents=True)
    (folder.parent / "api-url").write_text("http://127.0.0.1:9")
    (folder / "projector.log").write_text("".join(f"line {number}\n" for number in range(500)))
    (folder / "adapter-envoy.log").write_text("")
    return terminal


def test_a_proxys_log_is_shown_with_the_path_of_what_is_meant(server: Server, terminal: Terminal) -> None:
    """The lines on stdout, the path on stderr; programs get the document."""
    server.on("GET /v1/proxies", server.page(PROXY))
    server.on("GET /v1/proxies/demo~~front/logs", parts("one\ntwo"))
    done = terminal.run("logs", "proxy/front", "--tail", "5")
    assert done.stdout == "one\ntwo\n"
    assert "mesh/demo → workload/front → proxy/front" in done.stderr
    assert server.calls[-1].query["lines"] == ["5"]
    assert json.loads(terminal.run("logs", "proxy", "front", "-o", "json").stdout) == parts("one\ntwo")


def test_of_several_parts_each_line_says_whose_it_is(server: Server, terminal: Terminal) -> None:
    """As for the pods of a Deployment."""
    server.on("GET /v1/workloads", server.page({**PROXY, "id": "demo~shop~deployment~front", "namespace": "shop"}))
    server.on("GET /v1/workloads/demo~shop~deployment~front/logs", parts("a", "b\nc", ""))
    done = terminal.run("logs", "workload/shop/front", "--container", "app")
    assert done.stdout == "[pod-0/app] a\n[pod-1/app] b\n[pod-1/app] c\n"
    assert server.calls[-1].query["container"] == ["app"]


def test_following_shows_each_line_once(server: Server, terminal: Terminal) -> None:
    """What the windows have in common is not shown again."""
    server.on("GET /v1/proxies", server.page(PROXY))
    answers = [parts("a\nb"), parts("a\nb\nc"), parts("b\nc\nd"), server.problem("adapter-unavailable")]
    server.on("GET /v1/proxies/demo~~front/logs", *answers)
    assert terminal.run("logs", "proxy/front", "-f", expect=6).stdout == "a\nb\nc\nd\n"


@given(st.lists(st.sampled_from("ab")), st.lists(st.sampled_from("cd")), st.integers(0, 5))
def test_new_lines_are_those_behind_the_window(before: list[str], new: list[str], dropped: int) -> None:
    """Also when the oldest have left the window."""
    window = (before + new)[min(dropped, max(0, len(before) - 1)) :]
    assert logs.new_lines(before, window) == (new if before else window)


def test_the_log_of_a_local_process_is_read_without_a_server(stack: Terminal) -> None:
    """The newest lines of its file; a name that is none is answered with what is near."""
    assert stack.run("logs", "worker/projector", "--tail", "2").stdout == "line 498\nline 499\n"
    assert stack.run("logs", "worker", "adapter-envoy").stdout == ""
    assert "Did you mean projector?" in stack.run("logs", "worker/projectr", expect=2).stderr
    assert "There are: adapter-envoy, projector." in stack.run("logs", "worker/../../etc/passwd", expect=2).stderr


def test_a_log_that_is_not_there_is_refused_in_the_words_of_the_worker(server: Server, terminal: Terminal) -> None:
    """The workload exists, so no other name is suggested."""
    server.on("GET /v1/workloads", server.page({**PROXY, "id": "demo~~process~front"}))
    path = "/v1/workloads/demo~~process~front/logs"
    server.on(f"GET {path}", server.problem("not-found", instance=path, remedy="Look at the proxy's."))
    assert "→ Look at the proxy's." in terminal.run("logs", "workload/front", expect=3).stderr


def test_elsewhere_it_is_said_where_workers_logs_are(terminal: Terminal) -> None:
    """Not on this host."""
    assert "folder of `make up`" in terminal.run("logs", "worker/projector", expect=2).stderr
    assert "Did you mean proxy?" in terminal.run("logs", "prox/x", expect=2).stderr
