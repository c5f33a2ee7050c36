"""Where a command goes and as whom: what is said nearest wins, secrets stay secret, and names stay one name."""

import json
import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.machine import processes
from meshwright.ui_api.cli.client import contexts, following, paths
from meshwright.ui_api.cli.exits import CommandFailed

Server = Any
Terminal = Any
CLIENT = httpx.Client(base_url="http://here", verify=False)
NOTHING: dict[str, str | None] = {"MESHWRIGHT_API_URL": None, "MESHWRIGHT_TOKEN": None}
FILE = contexts.Contexts(
    current="chosen",
    contexts={
        "named": contexts.Context(api_url="http://named", token="named-token", workspace="named-space"),
        "chosen": contexts.Context(api_url="http://chosen", token="chosen-token", workspace="chosen-space"),
        "bare": contexts.Context(api_url="http://bare"),
    },
)


@pytest.mark.parametrize("option", ["", "named", "bare"])
@pytest.mark.parametrize("selected", ["", "named"])
@pytest.mark.parametrize("environment", [False, True])
@pytest.mark.parametrize("workspace", ["", "asked"])
def test_what_is_said_nearest_wins(
    tmp_path: Path, option: str, selected: str, environment: bool, workspace: str
) -> None:
    """An option outweighs the environment, that outweighs the chosen context, for address, token and workspace."""
    file = tmp_path / "contexts.yaml"
    contexts.write(file, FILE)
    environ = {"MESHWRIGHT_CONFIG": str(file)}
    environ |= {"MESHWRIGHT_CONTEXT": selected} if selected else {}
    said = {"API_URL": "http://env/", "TOKEN": "env-token", "WORKSPACE": "env-space"}
    environ |= {f"MESHWRIGHT_{name}": value for name, value in said.items()} if environment else {}
    result = contexts.resolve(environ, tmp_path, context=option, workspace=workspace)
    by_option = FILE.contexts.get(option, contexts.Context())
    by_choice = FILE.contexts[option or selected or "chosen"]
    outer = contexts.Context(api_url="http://env", token="env-token", workspace="env-space")
    outer = outer if environment else contexts.Context()
    assert result.name == (option or selected or "chosen")
    assert result.api_url == (by_option.api_url or outer.api_url or by_choice.api_url)
    assert result.token == (by_option.token or outer.token or by_choice.token)
    assert result.workspace == (workspace or by_option.workspace or outer.workspace or by_choice.workspace)
    assert result.source == ("MESHWRIGHT_API_URL" if environment and not option else str(file))


def test_show_reports_why_commands_go_there(terminal: Terminal, server: Server) -> None:
    """An address from the environment is shown with its source, and the token is not shown."""
    result = yaml.safe_load(terminal.run("context", "show").stdout)
    assert (result["api_url"], result["from"], result["token"]) == (server.url, "MESHWRIGHT_API_URL", "given")


def test_a_stranger_at_the_local_stacks_port_gets_no_token(terminal: Terminal, server: Server) -> None:
    """Another process on the local stack's port gets no request and is named."""
    home = terminal.folder / ".meshwright"
    (home / "run").mkdir(parents=True)
    (home / "api-url").write_text(f"{server.url}\n")
    (home / "admin-token").write_text("the admin token of the local stack")
    server.on("GET /v1/meshes", server.page())
    local = {**NOTHING, "MESHWRIGHT_HOME": str(home)}
    refused = terminal.run("meshes", "list", expect=6, **local)
    assert f"(pid {os.getpid()})" in refused.stderr
    assert "make up" in refused.stderr
    assert server.calls == []
    processes.write(home / "run" / "api.json", processes.here("api"))
    terminal.run("meshes", "list", **local)
    assert [call.headers["authorization"] for call in server.calls] == ["Bearer the admin token of the local stack"]


def test_a_stored_token_is_for_its_owner_only(terminal: Terminal, server: Server) -> None:
    """The file and its folder are closed to others from the first byte, also when they are written again."""
    file = terminal.folder / "deep" / "er" / "contexts.yaml"
    there = {"MESHWRIGHT_CONFIG": str(file), **NOTHING}
    before = os.umask(0)
    try:
        for name in ("one", "two"):
            arguments = ("context", "add", name, "--api-url", server.url, "--token-stdin")
            told = terminal.run(*arguments, stdin=f"secret-{name}\n", **there)
            assert "secret" not in told.stdout + told.stderr
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert [path.name for path in file.parent.iterdir()] == ["contexts.yaml"]
    for form in ("table", "json", "yaml"):
        listed = terminal.run("context", "list", "-o", form, **there)
        assert "secret" not in listed.stdout + listed.stderr
    server.on("GET /v1/meshes", server.page())
    terminal.run("meshes", "list", **there)
    assert server.calls[-1].headers["authorization"] == "Bearer secret-two"


def test_contexts_are_chosen_and_forgotten(terminal: Terminal, server: Server) -> None:
    """The last added one is current by default; a removed one is not; an unknown one is exit code 2."""
    for name, more in (("one", ()), ("two", ("--no-use",))):
        terminal.run("context", "add", name, "--api-url", server.url, *more, **NOTHING)
    current = {one["name"]: one["current"] for one in json.loads(terminal.run("context", "list", "-o", "json").stdout)}
    assert current == {"one": True, "two": False}
    terminal.run("context", "use", "two")
    terminal.run("context", "remove", "two", expect=2)
    terminal.run("context", "remove", "two", "--yes")
    assert not any(one["current"] for one in json.loads(terminal.run("context", "list", "-o", "json").stdout))
    for command in (("use", "two"), ("remove", "two", "--yes")):
        terminal.run("context", *command, expect=2)
    terminal.run("meshes", "list", "--context", "two", expect=2)
    terminal.run("context", "add", "bad", "--api-url", "ftp://x", expect=2)


BROKEN = {
    "a file that is no yaml": ("contexts.yaml", b"a: [", "cannot be parsed"),
    "a file of another shape": ("contexts.yaml", b"contexts: 5", "cannot be parsed"),
    "a file that is no text": ("contexts.yaml", b"\xff\xfe\x00", "cannot be parsed"),
    "a token that is no text": ("token", b"\xff\xfe", "cannot be read"),
    "a token of two lines": ("token", b"SECRET\nSECRET", "not one line of ASCII text"),
    "a token with an accent": ("token", "SÉCRET".encode(), "not one line of ASCII text"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_used_is_reported_without_showing_it(terminal: Terminal, server: Server, what: str) -> None:
    """A damaged file of contexts or a token that cannot be sent is exit code 2, and no part of a secret is printed."""
    name, content, words = BROKEN[what]
    terminal.write("contexts.yaml", f"current: a\ncontexts: {{a: {{api_url: '{server.url}', token_file: token}}}}\n")
    terminal.write(name, content)
    told = terminal.run("meshes", "list", expect=2, **NOTHING)
    assert words in told.stderr
    assert "CRET" not in told.stdout + told.stderr
    assert server.calls == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://[::1", 2),
        ("http://host:port", 2),
        ("http://a..b", 6),
        ("nonsense", 6),
        ("http://", 6),
        ("http://é..", 2),
    ],
)
@pytest.mark.parametrize("command", [("meshes", "list"), ("events", "tail")])
def test_an_address_that_is_none_is_reported(
    terminal: Terminal, url: str, code: int, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that cannot be called ends with an exit code and words, like any other mistake."""
    monkeypatch.setattr(following, "_PATIENCE", 0.0)
    assert "error: " in terminal.run(*command, MESHWRIGHT_API_URL=url, expect=code).stderr


def test_a_place_where_nothing_can_be_written_is_reported(terminal: Terminal, server: Server) -> None:
    """A file of contexts that cannot be written is exit code 2 with the way out."""
    (terminal.folder / "contexts.yaml.d").mkdir()
    there = {"MESHWRIGHT_CONFIG": str(terminal.folder / "contexts.yaml.d")}
    told = terminal.run("context", "use", "local", expect=2, **there).stderr
    assert "contexts.yaml.d" in told
    there = {"MESHWRIGHT_CONFIG": "/proc/none/contexts.yaml"}
    told = terminal.run("context", "add", "x", "--api-url", server.url, expect=2, **there).stderr
    assert "cannot be written" in told
    assert "MESHWRIGHT_CONFIG" in told


def test_an_adapter_is_not_written_over_what_is_there(terminal: Terminal) -> None:
    """A file in the place of the folder, or a folder with something in it, is left alone, with exit code 2."""
    terminal.write("taken", "mine")
    (terminal.folder / "full").mkdir()
    terminal.write("full/mine", "mine")
    for folder in ("taken", "full"):
        assert "Name another folder" in terminal.run("adapter", "new", "acme", "-d", folder, expect=2).stderr
    assert (terminal.folder / "taken").read_text() == "mine"
    assert [path.name for path in (terminal.folder / "full").iterdir()] == ["mine"]


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(
    [".", "..", "...", "%2e"]
)


@given(names, st.sampled_from(["", ":apply", "/versions"]))
def test_a_name_is_one_segment_of_its_path_whatever_it_is(name: str, rest: str) -> None:
    """No name leads upwards, sideways or into the query: it arrives as the one segment that it is."""
    path = paths.one("/v1/meshes/demo/workloads", name, rest)
    sent = CLIENT.build_request("GET", path).url
    target = sent.raw_path.decode()
    assert target.startswith("/v1/meshes/demo/workloads/")
    segment = target.removeprefix("/v1/meshes/demo/workloads/").removesuffix(rest)
    assert "/" not in segment
    assert "?" not in segment
    assert unquote(segment) == name
    assert sent.query == b""


def test_withdrawing_a_workload_called_dots_spares_the_mesh(server: Server, terminal: Terminal) -> None:
    """A name that would lead elsewhere is only ever a workload that there is not."""
    server.on("GET /v1/workloads", server.page())
    for name in ("..", "", "shop/", "~../../meshes/demo"):
        terminal.run("workloads", "withdraw", name, "--mesh", "demo", "--yes", expect=3)
    asked = [(call.method, call.target.partition("?")[0]) for call in server.calls]
    assert set(asked) == {("GET", "/v1/workloads"), ("GET", "/v1/workloads/~..%2F..%2Fmeshes%2Fdemo")}


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What is stored comes back, also when a name or token looks like something else in YAML."""
    odd = contexts.Contexts(
        current="no", contexts={"no": contexts.Context(api_url="http://a", token="0123", workspace="1e3")}
    )
    contexts.write(tmp_path / "c.yaml", odd)
    assert contexts.read(tmp_path / "c.yaml") == odd
    with pytest.raises(CommandFailed, match="there is no context 'yes'"):
        contexts.resolve({"MESHWRIGHT_CONFIG": str(tmp_path / "c.yaml")}, tmp_path, context="yes")
