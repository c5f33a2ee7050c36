"""Credentials files: one seed in a file that only its owner can read.

Problem: a secret in a file that others can read is exposed, and nothing shows it. Invariant: such a file is refused
with the command that fixes it; a component's file is created once and atomically.
"""

from pathlib import Path

from meshwright.core.security import nkeys, secret_files

SUFFIX = ".nk"


class InvalidCredentials(Exception):
    """The credentials file cannot be used; the text says why and what to do."""


def read(path: Path) -> nkeys.KeyPair:
    """The key in a credentials file. Raises InvalidCredentials."""
    try:
        return nkeys.from_seed(secret_files.read(path))
    except secret_files.ReadableByOthers as error:
        raise InvalidCredentials(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCredentials(f"the NATS credentials {path} cannot be read: {error}") from error
    except nkeys.InvalidSeed as error:
        raise InvalidCredentials(
            f"{path} holds no NATS credentials: {error}; `meshwright-nats users` writes a file for each component"
        ) from error


def make(folder: Path, component: str) -> Path:
    """The credentials file of a component in a folder, created when it is missing. Raises OSError."""
    path = folder / f"{component}{SUFFIX}"
    secret_files.read_or_make(path, lambda: nkeys.fresh().seed)
    return path


def public_keys(folder: Path) -> dict[str, str]:
    """The public key of each component that has a file in the folder. Raises InvalidCredentials."""
    return {path.stem: read(path).public for path in sorted(folder.glob(f"*{SUFFIX}"))}
