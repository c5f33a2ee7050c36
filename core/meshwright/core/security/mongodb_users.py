"""MongoDB's users: their credentials, their roles, and the redaction of addresses.

Problem: a password in an address ends up in logs, errors and lists of processes. Invariant: a password comes from a
file that only its owner can read; every message with an address or an error goes through `addresses.redacted`.
"""

import base64
import secrets
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from meshwright.core.security import secret_files

Component: TypeAlias = Literal["projector", "api"]
ROLES: dict[Component, str] = {"projector": "readWrite", "api": "read"}
"""the roles of each user in the database of its views; it has none in any other database"""
SERVER_OPTIONS = ("--setParameter", "enableLocalhostAuthBypass=false")
"""options of mongod besides `--keyFile`: without them anybody on the host could create the first user"""


class InvalidCredentials(Exception):
    """The credentials file cannot be used; the text says why and what to do."""


class Credentials(msgspec.Struct, frozen=True):
    """A user of MongoDB."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"

    @property
    def line(self) -> str:
        """The line of a credentials file."""
        return f"{self.username}:{self.password}"


class Secrets:
    """The key and the credentials of one server, in its own folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def key_file(self) -> Path:
        """The key file of mongod; any process that can read it is an administrator."""
        return self._folder / "key"

    def credentials_file(self, component: str) -> Path:
        """The credentials file of a component."""
        return self._folder / component

    def make(self) -> None:
        """Create what is missing. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret_files.read_or_make(self.key_file, lambda: base64.b64encode(secrets.token_bytes(96)).decode())
        for component in ROLES:
            fresh = Credentials(f"meshwright-{component}", secrets.token_urlsafe(32)).line
            secret_files.read_or_make(self.credentials_file(component), partial(str, fresh))


def read(path: Path) -> Credentials:
    """The user in a credentials file: `name:password` on one line. Raises InvalidCredentials."""
    try:
        name, divider, password = secret_files.read(path).partition(":")
    except secret_files.ReadableByOthers as error:
        raise InvalidCredentials(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCredentials(f"the MongoDB credentials {path} cannot be read: {error}") from error
    if not (name and divider and password) or "\n" in password:
        raise InvalidCredentials(f"{path} must hold one line: the user's name, a colon, the password")
    return Credentials(name, password)
