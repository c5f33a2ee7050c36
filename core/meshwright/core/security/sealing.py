"""Sealing: encrypting secrets that must be read again later, so that they may be stored on the stream and in backups.

Problem: a token can be stored as a digest, but a secret that signs cannot. Invariant: sealed text opens only with a key
of this file and only in the context (workspace and resource) that it was sealed for, so a sealed secret that is copied
to another resource cannot be opened there.
"""

import base64
import hashlib
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meshwright.core.security import secret_files
from meshwright.schemas.sealing import Sealed

_KEY_BYTES = 32
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The sealed secret cannot be opened; the text says why."""


class InvalidKeyFile(Exception):
    """The file does not contain keys; the text says what is expected."""


class NoKeyFile(Exception):
    """No key file is configured; the text says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "MESHWRIGHT_SECRET_KEY_FILE is not set, and without it private keys would be stored unencrypted. "
            "Set it to a file that all workers, the API and the notifier share; it is created when it is missing."
        )


class Sealer:
    """Seals with the first key and opens with any, so a key is rotated by putting a new one in front."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = {_key_id(key): AESGCM(key) for key in keys}
        self._current = _key_id(keys[0])

    def seal(self, secret: bytes, *context: str) -> Sealed:
        """Encrypt the secret for this context."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._keys[self._current].encrypt(nonce, secret, _bound(context))
        return Sealed(key_id=self._current, nonce=nonce, ciphertext=ciphertext)

    def open(self, sealed: Sealed, *context: str) -> bytes:
        """Decrypt a sealed secret. Raises CannotOpen."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise CannotOpen(f"it was sealed with the key {sealed.key_id}, which is not in the key file")
        try:
            return key.decrypt(sealed.nonce, sealed.ciphertext, _bound(context))
        except (InvalidTag, ValueError) as error:
            raise CannotOpen("it was modified, or sealed for another resource") from error


def from_file(path: Path) -> Sealer:
    """The sealer of a key file: one key per line, 32 bytes in base64, the current one first.

    The file is created when it is missing. Raises OSError, InvalidKeyFile.
    """
    lines = secret_files.read_or_make(path, _new_key).splitlines()
    try:
        keys = [base64.b64decode(line, validate=True) for line in lines]
    except ValueError as error:
        raise InvalidKeyFile(f"{path}: a line is not base64") from error
    if not keys or any(len(key) != _KEY_BYTES for key in keys):
        raise InvalidKeyFile(f"{path} must hold keys of {_KEY_BYTES} bytes in base64, one per line")
    return Sealer(keys)


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"meshwright key id\0" + key).hexdigest()[:8]


def _bound(context: tuple[str, ...]) -> bytes:
    return "\0".join(context).encode()
