"""Every test's fixtures come from the kit that third-party adapters use too."""

import os

# gRPC reads it when it is imported. With it, a fork of a process that serves gRPC can break the child before its exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from meshwright.adapters.envoy.dataplane import program
from meshwright.core.testing.servers import MongoServer
from rig.stack.stack import Stack, running

# A proof that fails shows the values that it compared.
pytest.register_assert_rewrite("rig.effects")
pytest_plugins = ["meshwright.core.testing.fixtures", "testbed.fixtures", "rig.proving.recording"]


def pytest_configure() -> None:
    """What the tests find does not depend on how they were started."""
    # A shell starts what is to run in the background with Ctrl-C ignored, which all that it starts would inherit.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # The processes in which tests run side by side are told a width, as if somebody looked at them.
    os.environ.pop("COLUMNS", None)
    # What gRPC does in a forked child is of no use to one that becomes another program, and has ended some of them.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    # How long one example takes says something of the machine, and nothing of the code. A run has the same examples
    # each time, so that it fails by what was changed; `make search` looks for others.
    at_random = bool(os.environ.get("MESHWRIGHT_TEST_AT_RANDOM"))
    hypothesis.settings.register_profile("meshwright", deadline=None, derandomize=not at_random, database=None)
    hypothesis.settings.load_profile("meshwright")


@pytest.fixture(scope="session")
def envoy_binary() -> Path:
    """Envoy's program."""
    return program.envoy()


@pytest.fixture
def alone(mongo_server: MongoServer) -> Iterator[Stack]:
    """A stack of the test's own, in which it may kill everything but mongod; nothing is started yet."""
    with running(mongo_server) as stack:
        yield stack


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB, which only root can mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
