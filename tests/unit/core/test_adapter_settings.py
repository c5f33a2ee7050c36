"""Settings of an adapter: its own variables, read once, invalid ones reported by name."""

from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import pytest

from meshwright.core import kit


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of an example adapter."""

    url: str = "http://127.0.0.1:8500"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8500
    folder: Path = Path("here")


def runtime(environ: dict[str, str], adapter: str = "consul-dc1") -> kit.Runtime:
    """A worker of an adapter in that environment, without a bus."""
    return kit.Runtime(cast(Any, None), adapter, "w1", Path(), environ=environ)


def test_an_adapter_reads_the_variables_of_its_own_name() -> None:
    """A dash in the name is a `_` there; other adapters' variables are ignored, and an empty one is not set."""
    environ = {
        "MESHWRIGHT_CONSUL_DC1_PORT": "80",
        "MESHWRIGHT_CONSUL_DC1_FOLDER": "/there",
        "MESHWRIGHT_CONSUL_DC1_URL": "",
        "MESHWRIGHT_URL": "http://other",
        "MESHWRIGHT_CONSUL_URL": "http://another",
    }
    assert runtime(environ).settings(Places) == Places(port=80, folder=Path("/there"))


def test_settings_are_read_once() -> None:
    """What changes in the environment afterwards changes nothing in a worker that runs."""
    environ = {"MESHWRIGHT_CONSUL_DC1_PORT": "80"}
    worker = runtime(environ)
    first = worker.settings(Places)
    environ["MESHWRIGHT_CONSUL_DC1_PORT"] = "81"
    assert worker.settings(Places) is first
    assert runtime(environ).settings(Places).port == 81


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    """The error names each bad variable with its value."""
    with pytest.raises(kit.InvalidSettings, match=r"MESHWRIGHT_CONSUL_DC1_PORT='0': .*`int` >= 1"):
        runtime({"MESHWRIGHT_CONSUL_DC1_PORT": "0"}).settings(Places)


async def test_a_lease_has_a_name_that_a_key_can_hold() -> None:
    """Dots and wildcards in it would reach the leases of others, and are refused before the bus is used."""

    async def work() -> None:
        raise AssertionError("it has no lease")

    for name in ("", "a.b", "*", ">", "a b"):
        with pytest.raises(ValueError, match="cannot name a lease"):
            await runtime({}).lease(name, work)
