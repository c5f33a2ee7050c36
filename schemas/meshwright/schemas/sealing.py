"""Secrets that lie on the stream and in buckets under a key which is not there.

Invariant: whoever reads the stream, a bucket or their backups learns nothing of what is sealed but its length.
"""

from meshwright.schemas.base import Model


class Sealed(Model, frozen=True, kw_only=True):
    """A secret under AES-256-GCM; `key_id` names the key that opens it."""

    key_id: str
    nonce: bytes
    ciphertext: bytes
