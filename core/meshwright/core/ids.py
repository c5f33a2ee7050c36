"""Identifiers: ULIDs, fresh or derived from content.

Invariant: a fresh id sorts by its creation time (milliseconds); a derived id is the same for the same parts, so a
retried request gets the operation of the first attempt.
"""

import hashlib
import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def _encode(value: int) -> str:
    """26 digits of five bits, two at a time; the first digit has only three bits."""
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


def fresh() -> str:
    """A new ULID (https://github.com/ulid/spec): 48 bits of milliseconds, 80 random bits."""
    return _encode((time.time_ns() // 1_000_000) << 80 | secrets.randbits(80))


def derived(*parts: str) -> str:
    """The ULID-shaped id of these parts: 128 bits of their SHA-256."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return _encode(int.from_bytes(digest[:16], "big"))
