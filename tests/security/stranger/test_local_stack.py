"""Another user of the host and a whole local stack: no listener admits them, no file is readable, nothing changes.

Invariant: listeners are read from the kernel, so a new one is tested automatically. As root the attacker is another
user; otherwise it has the same access to files and /proc as the stack, and only their modes are checked.
"""

import ipaddress
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from meshwright.core.machine.processes import Record
from meshwright.workers.local.home import Home
from rig.intruders import listeners, stranger
from rig.intruders.listeners import Listener
from rig.intruders.stranger import Plan, Try

pytestmark = [pytest.mark.servers, pytest.mark.e2e, pytest.mark.timeout(240)]
_SECRET = re.compile(rb"[A-Za-z0-9_\-+/=]{32,}")
_PRIVATE = re.compile(rb"PRIVATE KEY|\bS[UAO][A-Z2-7]{56}\b")
_SERVERS = ("nats", "mongodb")
"""folders of what the servers store, where nothing may stand in clear"""
_PUBLIC = ("logs", "run", "shop.json", "ports.json", "api-url", "lock")
"""what holds no secret under the home"""
LOCAL = str(Path(sys.executable).with_name("meshwright-local"))


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A stack, and an attacker's attempts on it."""

    home: Home
    listeners: list[Listener]
    everything: list[Record]
    before: dict[str, Any]
    tries: list[Try]

    def api(self, path: str) -> Any:
        """The API's response to the stack's own admin."""
        token = self.home.token_file.read_text().strip()
        url = self.home.api_url_file.read_text().strip()
        answer = httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        return answer.raise_for_status().json()


def _typed(home: Home, *words: str) -> str:
    environment = {**os.environ, "MESHWRIGHT_HOME": str(home.directory)}
    done = subprocess.run([LOCAL, *words], env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def visit() -> Iterator[Visit]:
    """A stack of this test's own, in a folder that all users can reach, and an attacker's attempts."""
    with tempfile.TemporaryDirectory(prefix="meshwright-open-") as folder:
        Path(folder).chmod(0o755)  # so that the home is kept by its own mode alone
        home = Home(Path(folder, "home"))
        try:
            _typed(home, "up")
            everything = listeners.marked(home.marker)
            result = listeners.of(everything)
            quiet = Visit(home=home, listeners=result, everything=everything, before={}, tries=[])
            before = _seen(quiet)
            tries = _visited(home, result, everything)
            yield msgspec.structs.replace(quiet, before=before, tries=tries)
        finally:
            _typed(home, "down", "--wipe")


def _seen(visit: Visit) -> dict[str, Any]:
    """The state that an attacker would want to change."""
    paths = ("/v1/tokens", "/v1/workspaces", "/v1/connections", "/v1/designs", "/v1/operations", "/v1/deadletters")
    seen = {path: visit.api(path) for path in paths}
    seen["processes"] = sorted((one.name, one.pid) for one in listeners.marked(visit.home.marker))
    return seen


def _visited(home: Home, result: list[Listener], everything: list[Record]) -> list[Try]:
    outside = [path for path in listeners.open_files(everything) if not path.is_relative_to(home.directory)]
    plan = Plan(
        listeners=result,
        nodes=["default.demo.front", "default.demo.cart"],
        folders=[str(home.directory)],
        files=[str(home.token_file), str(home.secret_key_file), *map(str, outside)],
        pids=[one.pid for one in everything],
    )
    done = subprocess.run(
        [sys.executable, stranger.__file__],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(stranger.__file__).parents[2])},
        timeout=100,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=list[Try])


def test_every_door_is_on_loopback(visit: Visit) -> None:
    """Nothing of a local stack listens where another machine could come in."""
    for listener in visit.listeners:
        if listener.port:
            address = ipaddress.ip_address(listener.host.removeprefix("::ffff:"))
            assert address.is_loopback, listener
    assert {listener.process for listener in visit.listeners} >= {"nats-server", "mongod", "envoy", "meshwright-api"}


def test_no_door_opens_without_credentials(visit: Visit) -> None:
    """NATS, MongoDB, the API, xDS and Envoy's admin interface refuse clients without credentials, at every listener."""
    tried = [one for one in visit.tries if not one.listener.startswith("/")]
    assert len(tried) >= len(visit.listeners)
    assert [(one.listener, one.attack) for one in tried if one.entered] == []
    print(f"\n{len(tried)} attempts at {len(visit.listeners)} listeners")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user; run as root to try")
def test_another_user_reads_no_file_and_no_process(visit: Visit) -> None:
    """Neither the stack's folder, nor what its processes hold open elsewhere, nor their environment is readable."""
    tried = [one for one in visit.tries if one.listener.startswith("/")]
    assert [one.listener for one in tried if one.entered and not one.listener.startswith("/dev/shm/")] == []


def test_whatever_was_heard_holds_no_secret(visit: Visit) -> None:
    """No answer and no command line holds a token, a key, a password or a seed of the stack."""
    secrets = _secrets(visit.home)
    assert secrets
    for one in visit.tries:
        if os.getuid() != 0 and one.listener.startswith("/") and not one.listener.endswith("cmdline"):
            continue  # its own files
        heard = one.heard.encode("latin-1")
        assert not _PRIVATE.search(heard), (one.listener, one.attack)
        assert [secret for secret in secrets if secret in heard] == [], (one.listener, one.attack)


def test_secrets_lie_in_files_for_their_owner_only(visit: Visit) -> None:
    """Folder and files have no permissions for other users, and what the servers store contains no key in plain
    text.
    """
    home = visit.home.directory
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    secrets = _secrets(visit.home)
    for path in (each for each in home.rglob("*") if each.is_file()):
        content = _content(path)
        if not _PRIVATE.search(content) and not any(secret in content for secret in secrets):
            continue
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert path.relative_to(home).parts[0] not in (*_SERVERS, "logs"), path


def test_a_visit_changes_nothing(visit: Visit) -> None:
    """What people wrote, what runs and what was asked for is the same as before."""
    assert _seen(visit) == visit.before
    assert "is not running" not in _typed(visit.home, "status")


def _secrets(home: Home) -> set[bytes]:
    """Every unguessable word in a file of the stack."""
    collected = set()
    for path in home.directory.rglob("*"):
        if path.is_file() and path.relative_to(home.directory).parts[0] not in (*_SERVERS, *_PUBLIC):
            text = re.sub(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", b"", _content(path), flags=re.S)
            collected |= set(_SECRET.findall(text))
    return {word for word in collected if re.search(rb"[0-9]", word) and not word.startswith(b"/")}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # it was there a moment ago
        return b""
