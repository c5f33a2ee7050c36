"""The identities on a test's nats-server: each process is its component, the test itself has all rights.

Problem: permissions that no test runs with are wrong. Invariant: a process that is started by its console command gets
the credentials of its own component and no others, and a permission violation in its log fails the test.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from meshwright.core.bus import connect
from meshwright.core.bus.client import dialing
from meshwright.core.bus.stream import provisioning
from meshwright.core.security import credentials, nats_accounts, nkeys, secret_files
from meshwright.schemas import subjects

TESTER = "tester"
"""user and password of the tests themselves, in the account of the streams"""
ADAPTERS = ("envoy", "example", "trial", "scripted", "ledger", "nosuch")
"""the adapters of a test's server by default"""
_PROGRAMS = {
    "meshwright-api": subjects.API,
    "meshwright-projector": subjects.PROJECTOR,
    "meshwright-scheduler": subjects.SCHEDULER,
    "meshwright-notifier": subjects.NOTIFIER,
    "meshwright-discovery": subjects.DISCOVERY,
}


def key(component: str) -> nkeys.KeyPair:
    """The key of a component, the same in every test: a test's server listens on loopback and has no data."""
    return nkeys.KeyPair(hashlib.sha256(f"test {component}".encode()).digest())


def configuration(adapters: Iterable[str]) -> str:
    """Accounts as in production, and the tester."""
    named = [*subjects.COMPONENTS, nats_accounts.PROVISIONER, nats_accounts.SYSTEM]
    components = [*named, *(subjects.ADAPTER.format(adapter=name) for name in adapters)]
    keys = {component: key(component).public for component in components}
    return nats_accounts.configuration(keys, more_users=f"{{user: {TESTER}, password: {TESTER}}}")


def credentials_file(component: str, folder: Path) -> Path:
    """The credentials of a component, written into a folder."""
    path = folder / f"{component}{credentials.SUFFIX}"
    secret_files.read_or_make(path, lambda: key(component).seed)
    return path


def component_of(program: str, arguments: Iterable[str]) -> str:
    """The component of a console command; empty for one that does not connect to NATS."""
    if program == "meshwright-adapter":
        return subjects.ADAPTER.format(adapter=adapter_of(next(iter(arguments), "")))
    return _PROGRAMS.get(program, "")


def adapter_of(entry: str) -> str:
    """The adapter's name in the argument of `meshwright-adapter`."""
    return entry.rpartition(":")[2]


def settings(program: str, arguments: Iterable[str], folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The settings of a process besides `given`, in lower case: its own credentials, unless they are given."""
    component = component_of(program, arguments)
    url = given.get("nats_url", "")
    if not component or "nats_credentials_file" in given or f"{TESTER}@" not in url:
        return {}
    return {
        "nats_url": dialing.without_password(url),
        "nats_credentials_file": str(credentials_file(component, folder)),
    }


async def provision(nats_url: str, adapters: Iterable[str] = ADAPTERS, gib: float | None = None) -> None:
    """Set up the streams and buckets, as is done before components start."""
    async with connect(nats_url, nats_accounts.PROVISIONER, gib=gib) as bus:
        await provisioning.provision(bus, adapters)


def check_log(log: Path) -> None:
    """Fails when the log has a permission violation of the process."""
    violations = [line for line in log.read_text(errors="replace").splitlines() if dialing.NOT_PERMITTED in line]
    assert not violations, f"{log.name}: " + "\n".join(violations[:5])
