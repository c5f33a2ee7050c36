"""One running Meshwright for all tests of a process; each test works in a workspace of its own."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.stack.stack import TOKEN, Stack, stack

IMPATIENT = {"worker_max_attempts": "1"}
"""what breaks the adapter's code is a dead letter at once"""
MESHWRIGHT = str(Path(sys.executable).with_name("meshwright"))


class Terminal:
    """A shell in which `meshwright` is called: a context, a workspace, a folder, no terminal."""

    def __init__(self, url: str, folder: Path, workspace: str) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TZ": "UTC",
            "MESHWRIGHT_API_URL": url,
            "MESHWRIGHT_TOKEN": TOKEN,
            "MESHWRIGHT_WORKSPACE": workspace,
        }

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start the command line; the caller ends it."""
        return subprocess.Popen(
            [MESHWRIGHT, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, stdin: str = "", expect: int = 0, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command line to its end and check its exit code."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(stdin, timeout=45)
        assert process.returncode == expect, f"{arguments}: {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def write(self, name: str, text: str) -> str:
        """A file in the folder."""
        (self.folder / name).write_text(text)
        return name


class Machine:
    """The running processes, and the power to kill and start them from tests without a loop."""

    def __init__(self, runner: asyncio.Runner, parts: Stack) -> None:
        self._runner = runner
        self._parts = parts
        self.url = str(parts.http.base_url)
        self.nats_url = parts.nats.url

    @property
    def api_pid(self) -> int:
        """Which process answers at `url`."""
        return self._parts.processes["api"].pid

    def kill_api(self) -> None:
        """End the API as a power cut would."""
        self._runner.run(self._parts.processes["api"].end(signal.SIGKILL))

    def kill_projector(self) -> None:
        """Let the views stand still."""
        self._runner.run(self._parts.processes["projector"].end(signal.SIGKILL))

    def start_projector(self) -> None:
        """Let the views follow again."""
        self._parts.processes["projector"].start()

    def start_notifier(self) -> None:
        """Start what delivers to webhooks."""
        self._parts.start("meshwright-notifier", name="notifier")

    def start_api(self) -> None:
        """Start it again and wait until it can work."""
        self._parts.processes["api"].start()
        self._runner.run(self._parts.ready())


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """API, projector, scheduler and a worker of the scripted adapter."""
    with asyncio.Runner() as runner:
        opened = stack(tmp_path_factory.mktemp("stack"))
        parts = runner.run(opened.__aenter__())
        try:
            parts.start("meshwright-scheduler", name="scheduler")
            parts.start("meshwright-adapter", "scripted_adapter:scripted", name="scripted", **IMPATIENT)
            runner.run(parts.adapter("scripted"))
            yield Machine(runner, parts)
        finally:
            runner.run(opened.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def notifier(machine: Machine) -> None:
    """Webhooks are delivered."""
    machine.start_notifier()


def _terminal(machine: Machine, folder: Path) -> Terminal:
    workspace = f"w{uuid.uuid4().hex[:10]}"
    result = Terminal(machine.url, folder, workspace)
    result.run("workspaces", "set", workspace, MESHWRIGHT_WORKSPACE="default")
    return result


@pytest.fixture
def terminal(machine: Machine, tmp_path: Path) -> Terminal:
    """A terminal in a fresh workspace."""
    return _terminal(machine, tmp_path)


@pytest.fixture(scope="session")
def shop(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal in a workspace with the mesh `demo` and three workloads; give your designs names of their own."""
    result = _terminal(machine, tmp_path_factory.mktemp("shop"))
    result.run("connections", "set", "place", "--kind", "envoy-fleet")
    result.run("meshes", "install", "demo", "--connection", "place", "--kind", "scripted")
    result.write("workloads.yaml", WORKLOADS)
    result.run("workloads", "enrol", "-f", "workloads.yaml")
    return result


WORKLOADS = """
- {name: front, service: front, port: 9001}
- {name: reviews-v1, service: reviews, port: 9002}
- {name: broken, service: reviews, version: v2, port: 9003}
"""
