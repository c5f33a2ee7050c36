"""MongoDB's users: how a process proves who it is, what it may do then, and what of that may be shown.

Problem: a password in an address ends up in logs, errors and lists of processes. Invariant: a password comes from a
file that only its owner can read; whatever is told of an address or an error has gone through `addresses.redacted`.
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
"""what each may do in the database of its views; in any other it may do nothing"""
SERVER_OPTIONS = ("--setParameter", "enableLocalhostAuthBypass=false")
"""what mongod is started with besides `--keyFile`: nobody makes the first user without being asked who he is"""


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
        """As a credentials file holds them."""
        return f"{self.username}:{self.password}"


class Secrets:
    """The key and the credentials of one server, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def key_file(self) -> Path:
        """What mongod is started with; who can read it is the administrator."""
        return self._folder / "key"

    def credentials_file(self, component: str) -> Path:
        """What a process is started with."""
        return self._folder / component

    def make(self) -> None:
        """Make what is missing. Raises OSError."""
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
