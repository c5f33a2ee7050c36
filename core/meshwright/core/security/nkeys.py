"""NKeys: Ed25519 keys in the text form of NATS (https://docs.nats.io/reference/reference-protocols/nkeys).

Problem: a server that stores passwords can leak them. Invariant: the server knows public keys only; a client proves
that it has the seed by signing the server's nonce.
"""

import base64
import binascii
import os

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_SEED, _USER = 18 << 3, 20 << 3
"""the prefix letters, S and U, in the upper bits"""
_SEED_BYTES = 32


class InvalidSeed(Exception):
    """The text is not the seed of a user's key."""


class KeyPair:
    """The key of one user. `public` is configured at the server."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = _encode(bytes([_USER]) + raw)

    @property
    def seed(self) -> str:
        """The secret, as a credentials file stores it."""
        # Its first two bytes hold both prefix letters: S for a seed and U for a user.
        return _encode(bytes([_SEED | _USER >> 5, (_USER & 31) << 3]) + self._seed)

    def sign(self, nonce: str) -> bytes:
        """The signature of the server's nonce, in base64."""
        return base64.b64encode(self._key.sign(nonce.encode()))


def fresh() -> KeyPair:
    """A new random key pair."""
    return KeyPair(os.urandom(_SEED_BYTES))


def from_seed(text: str) -> KeyPair:
    """The key pair of a seed. Raises InvalidSeed."""
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError) as error:
        raise InvalidSeed("it is not base32") from error
    body, check = raw[:-2], raw[-2:]
    if len(body) != 2 + _SEED_BYTES or _crc16(body) != check:
        raise InvalidSeed("its length or its check sum is wrong")
    if body[0] & 248 != _SEED or (body[0] & 7) << 5 | (body[1] & 248) >> 3 != _USER:
        raise InvalidSeed("it is not the seed of a user (those begin with SU)")
    return KeyPair(body[2:])


def _encode(body: bytes) -> str:
    return base64.b32encode(body + _crc16(body)).decode().rstrip("=")


def _crc16(body: bytes) -> bytes:
    """CRC-16/XMODEM, low byte first."""
    return binascii.crc_hqx(body, 0).to_bytes(2, "little")
