"""Signatures of webhooks by Standard Webhooks (https://www.standardwebhooks.com, symmetric, `v1`).

Problem: a receiver must be able to verify that a call is genuine, unmodified and recent. Invariant: the signature
covers the id, the time and the exact bytes of the body; a secret is shown once, as `whsec_` and base64.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from meshwright.core.security.sealing import Sealer
from meshwright.schemas.sealing import Sealed

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> bytes:
    """A new random signing key."""
    return secrets.token_bytes(_SECRET_BYTES)


def shown(secret: bytes) -> str:
    """The secret in the form that receivers' libraries expect."""
    return PREFIX + base64.b64encode(secret).decode()


def seal(sealer: Sealer, secret: bytes, workspace: str, webhook: str) -> Sealed:
    """Seal the secret for storage, bound to its webhook."""
    return sealer.seal(secret, workspace, "webhook", webhook)


def unseal(sealer: Sealer, sealed: Sealed, workspace: str, webhook: str) -> bytes:
    """Open a sealed secret. Raises sealing.CannotOpen."""
    return sealer.open(sealed, workspace, "webhook", webhook)


def headers(keys: Sequence[bytes], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; one signature per key, so that a receiver may know either while a secret is rotated."""
    signed = b"%b.%d.%b" % (id.encode(), timestamp, body)
    signatures = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
