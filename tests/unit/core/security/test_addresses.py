"""Addresses of servers: several in one setting, and no password in what people see."""

from meshwright.core.bus.client import dialing
from meshwright.core.security import addresses


def test_several_servers_stand_in_one_setting() -> None:
    """They are divided by commas, with or without blanks and scheme."""
    assert addresses.nats_servers("nats://a:1") == ["nats://a:1"]
    assert addresses.nats_servers("tls://u:p@a:1, b:2,,") == ["tls://u:p@a:1", "nats://b:2"]


def test_no_password_of_any_server_is_shown() -> None:
    """The second of several servers is as much a secret's place as the first."""
    shown = dialing.without_password("nats://u:secret@a:1,nats://v:secret@b:2,w:secret@c")
    assert shown == "nats://a:1,nats://b:2,nats://c"
    assert addresses.redacted(f"no answer of mongodb://u:secret@a/ and {shown}").count("***@") == 1
