"""The users of a NATS server in one folder: a credentials file for each, and the configuration that lists them.

Invariant: the folder is the source of truth: each file in it is a user. Writing again keeps every key and updates the
configuration to the subject table.
"""

from collections.abc import Iterable
from pathlib import Path

from meshwright.core.machine import processes
from meshwright.core.security import credentials, nats_accounts
from meshwright.schemas import subjects

CONFIGURATION = "accounts.conf"


def write(folder: Path, adapters: Iterable[str]) -> bool:
    """Create what is missing for the components and these adapters; returns whether the server must reload its
    configuration.

    Raises OSError, InvalidCredentials.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    named = [*subjects.COMPONENTS, nats_accounts.PROVISIONER, nats_accounts.SYSTEM]
    for component in (*named, *(subjects.ADAPTER.format(adapter=name) for name in adapters)):
        credentials.make(folder, component)
    text = nats_accounts.configuration(credentials.public_keys(folder)).encode()
    path = folder / CONFIGURATION
    if path.exists() and path.read_bytes() == text:
        return False
    processes.replace(path, text)
    return True


def adapters(folder: Path) -> list[str]:
    """The adapters that have a user."""
    components = [path.stem for path in sorted(folder.glob(f"*{credentials.SUFFIX}"))]
    return [name for name in map(nats_accounts.adapter_of, components) if name]


def file(folder: Path, component: str) -> Path | None:
    """The credentials file of a component, if there is one."""
    path = folder / f"{component}{credentials.SUFFIX}"
    return path if path.exists() else None
