"""Sealed secrets, which are stored in streams and buckets while their key is not.

Invariant: a reader of the stream, a bucket or their backups learns only the length of a secret.
"""

from meshwright.schemas.base import Model


class Sealed(Model, frozen=True, kw_only=True):
    """A secret under AES-256-GCM; `key_id` names the key that opens it."""

    key_id: str
    nonce: bytes
    ciphertext: bytes
