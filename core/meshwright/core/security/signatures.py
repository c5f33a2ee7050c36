"""Signatures of webhooks as Standard Webhooks wants them (https://www.standardwebhooks.com, symmetric, `v1`).

Problem: whoever receives a call must know that it is ours, unaltered and recent. Invariant: what is signed is the
id, the time and the exact bytes of the body; a secret is shown to people as `whsec_` and base64, once.
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
    """A fresh signing key."""
    return secrets.token_bytes(_SECRET_BYTES)


def shown(secret: bytes) -> str:
    """The secret as receivers' libraries take it."""
    return PREFIX + base64.b64encode(secret).decode()


def seal(sealer: Sealer, secret: bytes, workspace: str, webhook: str) -> Sealed:
    """The secret as it is stored, bound to its webhook."""
    return sealer.seal(secret, workspace, "webhook", webhook)


def unseal(sealer: Sealer, sealed: Sealed, workspace: str, webhook: str) -> bytes:
    """Raises sealing.CannotOpen."""
    return sealer.open(sealed, workspace, "webhook", webhook)


def headers(keys: Sequence[bytes], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; one signature for each key, so that a receiver may know either while a secret is replaced."""
    signed = b"%b.%d.%b" % (id.encode(), timestamp, body)
    signatures = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
