"""The client that overrides private methods of nats-py: they are there, and the faster parser says the same."""

import inspect
import tomllib
from importlib import metadata
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from packaging.requirements import Requirement
from packaging.version import Version

from meshwright.core.bus.client.nats_client import NatsClient

LINES = st.lists(st.binary(max_size=30) | st.sampled_from([b"ce-id: 1", b"a:b:c", b"A b: c", b"\xff: x", b"n:\t v "]))


@given(LINES.map(b"\r\n".join))
@example(b"Nats-Msg-Id: x\r\nce-source: a%20b\r\n\r\n")
def test_headers_are_the_same(raw: bytes) -> None:
    """Whatever bytes a server sends as headers, both parsers find the same."""
    assert NatsClient._parse_header_lines(raw) == Client._parse_header_lines(raw)


def test_what_is_overridden_is_there_and_is_called_as_before() -> None:
    """A release of the client that renames a private method, or calls it otherwise, would disable a fix here."""
    overridden = {name: member for name, member in vars(NatsClient).items() if inspect.isfunction(member)}
    del overridden["__init__"], overridden["request"]
    assert set(overridden) == {
        "_connect_to_server", "_process_info", "_attempt_reconnect", "_process_err", "_build_message",
    }  # fmt: skip
    for name, member in overridden.items():
        theirs = inspect.signature(getattr(Client, name)).parameters.values()
        ours = inspect.signature(member).parameters.values()
        assert [(each.kind, each.default) for each in theirs] == [(each.kind, each.default) for each in ours], name
        assert inspect.iscoroutinefunction(getattr(Client, name)) == inspect.iscoroutinefunction(member), name
    assert list(inspect.signature(Client._parse_header_lines).parameters) == ["raw"]
    assert list(inspect.signature(Client._process_op_err).parameters) == ["self", "e"]


def test_the_private_fields_that_are_used_are_there() -> None:
    """They are set by the client itself when it is made."""
    client = Client()
    for name in ("_transport", "_public_nkey", "_current_server", "_error_cb", "options"):
        assert hasattr(client, name), name
    assert TcpTransport()._io_writer is None  # type: ignore[no-untyped-call]  # nats-py leaves it so


def test_the_bound_of_the_client_holds_the_version_that_is_tested() -> None:
    """What overrides private methods names the next release as the first that it does not know."""
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    (requirement,) = [Requirement(each) for each in project["dependencies"] if each.startswith("nats-py")]
    tested = Version(metadata.version("nats-py"))
    assert tested in requirement.specifier
    assert f"{tested.major}.{tested.minor + 1}.0" not in requirement.specifier
